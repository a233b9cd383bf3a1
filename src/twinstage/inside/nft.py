"""nftables as values: a table is its sets and chains, a rule is a tuple of expressions, `replace` makes it so.

A table is always replaced whole, in one transaction: there is no moment without rules, and no difference to compute.
Connections that exist keep their translations, which live in the connection tracking and not in the rules.
"""

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink import NLM_F_APPEND, NLM_F_CREATE
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM,
    NFT_MSG_NEWTABLE,
    nft_chain_msg,
    nft_rule_msg,
    nft_set_elem_list_msg,
    nft_set_msg,
    nft_table_msg,
)

from twinstage.inside.netlink import NETFILTER, Request, run

Expression = dict[str, Any]
Rule = tuple[Expression, ...]

TCP, UDP = 6, 17
SNAT, DNAT = 0, 1
DROP, ACCEPT = 0, 1
PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = range(5)
ESTABLISHED = 2
_IPV4 = 2
_EQUAL, _DIFFERENT, _AT_MOST, _AT_LEAST = 0, 1, 3, 5
_NETWORK, _TRANSPORT = 1, 2
_SOURCE, _DESTINATION, _PORT = 12, 16, 2
_IIFNAME, _OIFNAME, _L4PROTO = 6, 7, 16
_SECOND_WORD = 9
"""The register of the second four bytes: where a concatenation's next field goes."""
_LOG_GROUP, _LOG_BYTES, _LOG_AT_ONCE = 1, 3, 4
_ADDRESS_AND_PORT = 7 << 6 | 13
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_ELEMENTS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Chain:
    """``kind``: ``nat`` or ``filter``. ``policy``: ACCEPT or DROP for what no rule decides."""

    name: str
    kind: str
    hook: int
    priority: int
    rules: tuple[Rule, ...]
    policy: int = ACCEPT


@dataclass(frozen=True, kw_only=True)
class Table:
    """An IPv4 table. ``pairs``: set name -> (source address, destination port) pairs, for `pair_in`."""

    name: str
    chains: tuple[Chain, ...]
    pairs: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()


def _expression(name: str, **attributes: Any) -> Expression:
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": list(attributes.items())})]}


def _value(raw: bytes) -> Expression:
    return {"attrs": [("NFTA_DATA_VALUE", raw)]}


def _compare(operation: int, raw: bytes) -> Expression:
    return _expression("cmp", NFTA_CMP_SREG=1, NFTA_CMP_OP=operation, NFTA_CMP_DATA=_value(raw))


def _field(base: int, offset: int, length: int, register: int = 1) -> Expression:
    return _expression(
        "payload",
        NFTA_PAYLOAD_DREG=register,
        NFTA_PAYLOAD_BASE=base,
        NFTA_PAYLOAD_OFFSET=offset,
        NFTA_PAYLOAD_LEN=length,
    )


def _meta(key: int, raw: bytes) -> Rule:
    return (_expression("meta", NFTA_META_KEY=key, NFTA_META_DREG=1), _compare(_EQUAL, raw))


def _immediate(register: int, data: Expression) -> Expression:
    return _expression("immediate", NFTA_IMMEDIATE_DREG=register, NFTA_IMMEDIATE_DATA=data)


def _number(port: int) -> bytes:
    return struct.pack("!H", port)


def protocol(number: int) -> Rule:
    return _meta(_L4PROTO, bytes([number]))


def arrives_by(interface: str) -> Rule:
    return _meta(_IIFNAME, interface.encode().ljust(16, b"\0"))


def leaves_by(interface: str) -> Rule:
    return _meta(_OIFNAME, interface.encode().ljust(16, b"\0"))


def destination(address: str) -> Rule:
    return (_field(_NETWORK, _DESTINATION, 4), _compare(_EQUAL, socket.inet_aton(address)))


def destination_is_loopback() -> Rule:
    """127.0.0.0/8, by its first byte."""
    return (_field(_NETWORK, _DESTINATION, 1), _compare(_EQUAL, b"\x7f"))


def source_is_not(address: str) -> Rule:
    return (_field(_NETWORK, _SOURCE, 4), _compare(_DIFFERENT, socket.inet_aton(address)))


def port(number: int) -> Rule:
    return (_field(_TRANSPORT, _PORT, 2), _compare(_EQUAL, _number(number)))


def port_between(first: int, last: int) -> Rule:
    """Both ends belong to it."""
    return (_field(_TRANSPORT, _PORT, 2), _compare(_AT_LEAST, _number(first)), _compare(_AT_MOST, _number(last)))


def pair_in(name: str) -> Rule:
    """(source address, destination port) is in the table's set of that name."""
    return (
        _field(_NETWORK, _SOURCE, 4),
        _field(_TRANSPORT, _PORT, 2, _SECOND_WORD),
        _expression("lookup", NFTA_LOOKUP_SET=name, NFTA_LOOKUP_SREG=1),
    )


def connection(state: int) -> Rule:
    """The connection tracking's state, as a bit: ESTABLISHED."""
    mask = struct.pack("=I", state)
    return (
        _expression("ct", NFTA_CT_KEY=0, NFTA_CT_DREG=1),
        _expression(
            "bitwise",
            NFTA_BITWISE_SREG=1,
            NFTA_BITWISE_DREG=1,
            NFTA_BITWISE_LEN=4,
            NFTA_BITWISE_MASK=_value(mask),
            NFTA_BITWISE_XOR=_value(bytes(4)),
        ),
        _compare(_DIFFERENT, bytes(4)),
    )


def verdict(code: int) -> Rule:
    return (_immediate(0, {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", code)]})]}),)


def translate(kind: int, address: str, to: int | None = None) -> Rule:
    """Source (SNAT) or destination (DNAT) becomes ``address``, and the port ``to`` unless it is to stay."""
    place = _immediate(1, _value(socket.inet_aton(address)))
    nat = {"NFTA_NAT_TYPE": kind, "NFTA_NAT_FAMILY": _IPV4, "NFTA_NAT_REG_ADDR_MIN": 1}
    if to is None:
        return (place, _expression("nat", **nat))
    return (place, _immediate(2, _value(_number(to))), _expression("nat", **nat, NFTA_NAT_REG_PROTO_MIN=2))


def note(group: int, bytes_each: int, a_second: int) -> Rule:
    """Tell whoever listens to that NFLOG group of the packet; no more than ``a_second`` of them.

    pyroute2 0.9 writes four bytes for the group where the kernel has two. The data of an expression that it does not know
    goes out as it is, and the kernel does not mind a second zero after the name.
    """
    log = b"".join(
        struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
        for kind, value in (
            (_LOG_GROUP, _number(group)),
            (_LOG_BYTES, struct.pack("!I", bytes_each)),
            (_LOG_AT_ONCE, _number(1)),
        )
    )
    return (
        _expression("limit", NFTA_LIMIT_RATE=a_second, NFTA_LIMIT_UNIT=1, NFTA_LIMIT_BURST=a_second, NFTA_LIMIT_TYPE=0),
        {"attrs": [("NFTA_EXPR_NAME", "log\0"), ("NFTA_EXPR_DATA", log)]},
    )


def replace(table: Table) -> None:
    """Make the table exactly so, in the calling thread's network namespace, atomically. Raises `netlink.Refused`."""
    run(NETFILTER, list(_transaction(table)))


def _request(what: str, message: Any, kind: int, *attributes: tuple[str, Any]) -> Request:
    message["nfgen_family"] = _IPV4
    message["attrs"] = [list(pair) for pair in attributes]
    flags = NLM_F_CREATE | NLM_F_APPEND if kind != NFT_MSG_DELTABLE else 0
    return Request(what=what, message=message, kind=NFNL_SUBSYS_NFTABLES << 8 | kind, flags=flags)


def _bracket(kind: int) -> Request:
    message = nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    return Request(what="open an nftables transaction", message=message, kind=kind, acknowledged=False)


def _transaction(table: Table) -> Iterable[Request]:
    name = ("NFTA_TABLE_NAME", table.name)
    yield _bracket(_BATCH_BEGIN)
    yield _request(f"add table {table.name}", nft_table_msg(), NFT_MSG_NEWTABLE, name)  # so that it can be deleted
    yield _request(f"delete table {table.name}", nft_table_msg(), NFT_MSG_DELTABLE, name)
    yield _request(f"add table {table.name}", nft_table_msg(), NFT_MSG_NEWTABLE, name)
    for number, (pairs, members) in enumerate(table.pairs, start=1):
        yield from _set(table.name, pairs, number, members)
    for chain in table.chains:
        yield _chain(table.name, chain)
        for place, rule in enumerate(chain.rules, start=1):
            yield _request(
                f"add rule {place} of chain {table.name} {chain.name}",
                nft_rule_msg(),
                NFT_MSG_NEWRULE,
                ("NFTA_RULE_TABLE", table.name),
                ("NFTA_RULE_CHAIN", chain.name),
                ("NFTA_RULE_EXPRESSIONS", list(rule)),
            )
    yield _bracket(_BATCH_END)


def _chain(table: str, chain: Chain) -> Request:
    hook = {"attrs": [("NFTA_HOOK_HOOKNUM", chain.hook), ("NFTA_HOOK_PRIORITY", chain.priority)]}
    return _request(
        f"add chain {table} {chain.name}",
        nft_chain_msg(),
        NFT_MSG_NEWCHAIN,
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain.name),
        ("NFTA_CHAIN_HOOK", hook),
        ("NFTA_CHAIN_POLICY", chain.policy),
        ("NFTA_CHAIN_TYPE", chain.kind),
    )


def _set(table: str, name: str, number: int, members: tuple[tuple[str, int], ...]) -> Iterable[Request]:
    yield _request(
        f"add set {table} {name}",
        nft_set_msg(),
        NFT_MSG_NEWSET,
        ("NFTA_SET_TABLE", table),
        ("NFTA_SET_NAME", name),
        ("NFTA_SET_KEY_TYPE", _ADDRESS_AND_PORT),
        ("NFTA_SET_KEY_LEN", 8),
        ("NFTA_SET_ID", number),
    )
    for start in range(0, len(members), _ELEMENTS_AT_ONCE):
        elements = [
            {"attrs": [("NFTA_SET_ELEM_KEY", _value(socket.inet_aton(address) + _number(number) + b"\0\0"))]}
            for address, number in members[start : start + _ELEMENTS_AT_ONCE]
        ]
        yield _request(
            f"fill set {table} {name}",
            nft_set_elem_list_msg(),
            NFT_MSG_NEWSETELEM,
            ("NFTA_SET_ELEM_LIST_TABLE", table),
            ("NFTA_SET_ELEM_LIST_SET", name),
            ("NFTA_SET_ELEM_LIST_ELEMENTS", elements),
        )
