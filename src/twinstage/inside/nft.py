"""nftables as values: a table is its sets and chains, a rule is a tuple of expressions, `replace` makes it so.

A table is always replaced whole, in one transaction: there is no moment without rules, and no difference to compute.
Connections that exist keep their translations, which live in the connection tracking and not in the rules.
"""

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES
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

from twinstage.inside.encoded import body
from twinstage.inside.netlink import APPEND, CREATE, NETFILTER, Request, run

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
_SECOND_WORD, _THIRD_WORD = 9, 10
"""The registers of the second and third four bytes: where a concatenation's next fields go."""
_ADDRESS = 7
_ADDRESS_AND_PORT = _ADDRESS << 6 | 13
_ADDRESSES_AND_PORT = _ADDRESS << 12 | _ADDRESS_AND_PORT
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_ELEMENTS_AT_ONCE, _MOST = 500, 65535


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
    """An IPv4 table. ``pairs``: set name -> (source address, destination port) pairs, for `pair_in`; ``triples``: set name
    -> (source address, destination address, destination port), for `triple_in`. ``meters``: sets of source addresses, and
    ``memories`` of such triples, that rules fill (notes.py)."""

    name: str
    chains: tuple[Chain, ...]
    pairs: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    triples: tuple[tuple[str, tuple[tuple[str, str, int], ...]], ...] = ()
    meters: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()


def expression(name: str, **attributes: Any) -> Expression:
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": list(attributes.items())})]}


def value(raw: bytes) -> Expression:
    return {"attrs": [("NFTA_DATA_VALUE", raw)]}


def _compare(operation: int, raw: bytes) -> Expression:
    return expression("cmp", NFTA_CMP_SREG=1, NFTA_CMP_OP=operation, NFTA_CMP_DATA=value(raw))


def _field(base: int, offset: int, length: int, register: int = 1) -> Expression:
    place = {"NFTA_PAYLOAD_BASE": base, "NFTA_PAYLOAD_OFFSET": offset, "NFTA_PAYLOAD_LEN": length}
    return expression("payload", NFTA_PAYLOAD_DREG=register, **place)


def meta(key: int, raw: bytes) -> Rule:
    return (expression("meta", NFTA_META_KEY=key, NFTA_META_DREG=1), _compare(_EQUAL, raw))


def immediate(register: int, data: Expression) -> Expression:
    return expression("immediate", NFTA_IMMEDIATE_DREG=register, NFTA_IMMEDIATE_DATA=data)


def _number(port: int) -> bytes:
    return struct.pack("!H", port)


def protocol(number: int) -> Rule:
    return meta(_L4PROTO, bytes([number]))


def arrives_by(interface: str) -> Rule:
    return meta(_IIFNAME, interface.encode().ljust(16, b"\0"))


def leaves_by(interface: str) -> Rule:
    return meta(_OIFNAME, interface.encode().ljust(16, b"\0"))


def destination(address: str) -> Rule:
    return (_field(_NETWORK, _DESTINATION, 4), _compare(_EQUAL, socket.inet_aton(address)))


def destination_is_loopback() -> Rule:
    """127.0.0.0/8, by its first byte."""
    return (_field(_NETWORK, _DESTINATION, 1), _compare(_EQUAL, b"\x7f"))


def source() -> Expression:
    """The source address, into the first register."""
    return _field(_NETWORK, _SOURCE, 4)


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
        expression("lookup", NFTA_LOOKUP_SET=name, NFTA_LOOKUP_SREG=1),
    )


def triple_in(name: str) -> Rule:
    """(source address, destination address, destination port) is in the table's set of that name."""
    return (*triple(), expression("lookup", NFTA_LOOKUP_SET=name, NFTA_LOOKUP_SREG=1))


def triple() -> Rule:
    """Source address, destination address and destination port, into the first register and those that follow it."""
    return (
        _field(_NETWORK, _SOURCE, 4),
        _field(_NETWORK, _DESTINATION, 4, _SECOND_WORD),
        _field(_TRANSPORT, _PORT, 2, _THIRD_WORD),
    )


def connection(state: int) -> Rule:
    """The connection tracking's state, as a bit: ESTABLISHED."""
    mask = struct.pack("=I", state)
    return (
        expression("ct", NFTA_CT_KEY=0, NFTA_CT_DREG=1),
        expression(
            "bitwise",
            NFTA_BITWISE_SREG=1,
            NFTA_BITWISE_DREG=1,
            NFTA_BITWISE_LEN=4,
            NFTA_BITWISE_MASK=value(mask),
            NFTA_BITWISE_XOR=value(bytes(4)),
        ),
        _compare(_DIFFERENT, bytes(4)),
    )


def verdict(code: int) -> Rule:
    return (immediate(0, {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", code)]})]}),)


def translate(kind: int, address: str, to: int | None = None) -> Rule:
    """Source (SNAT) or destination (DNAT) becomes ``address``, and the port ``to`` unless it is to stay."""
    place = immediate(1, value(socket.inet_aton(address)))
    nat = {"NFTA_NAT_TYPE": kind, "NFTA_NAT_FAMILY": _IPV4, "NFTA_NAT_REG_ADDR_MIN": 1}
    if to is None:
        return (place, expression("nat", **nat))
    return (place, immediate(2, value(_number(to))), expression("nat", **nat, NFTA_NAT_REG_PROTO_MIN=2))


def replace(table: Table, *, new: bool = False) -> None:
    """Make the table exactly so, in the calling thread's network namespace, atomically. Raises `netlink.Refused`.

    ``new``: there is none yet, which saves waiting until the whole machine has let go of it.
    """
    run(NETFILTER, list(_transaction(table, new=new)))


def _request(what: str, message: type[Any], kind: int, *attributes: tuple[str, Any]) -> Request:
    flags = CREATE | APPEND if kind != NFT_MSG_DELTABLE else 0
    return Request(what=what, body=body(message, _IPV4, attributes), kind=NFNL_SUBSYS_NFTABLES << 8 | kind, flags=flags)


def _bracket(kind: int) -> Request:
    fields = struct.pack("!BBH", 0, 0, NFNL_SUBSYS_NFTABLES)
    return Request(what="open an nftables transaction", body=fields, kind=kind, acknowledged=False)


def _transaction(table: Table, *, new: bool) -> Iterable[Request]:
    name = ("NFTA_TABLE_NAME", table.name)
    yield _bracket(_BATCH_BEGIN)
    if not new:
        yield _request(f"add table {table.name}", nft_table_msg, NFT_MSG_NEWTABLE, name)  # so that it can be deleted
        yield _request(f"delete table {table.name}", nft_table_msg, NFT_MSG_DELTABLE, name)
    yield _request(f"add table {table.name}", nft_table_msg, NFT_MSG_NEWTABLE, name)
    sets = [(called, _ADDRESS_AND_PORT, [_key(*pair) for pair in pairs]) for called, pairs in table.pairs]
    sets += [(called, _ADDRESSES_AND_PORT, [_key(*triple) for triple in triples]) for called, triples in table.triples]
    for number, (called, kind, keys) in enumerate(sets, start=1):
        yield from _set(table.name, called, number, kind, keys)
    grown = [(called, _ADDRESS, ["NFT_SET_EVAL"]) for called in table.meters]
    grown += [(called, _ADDRESSES_AND_PORT, ["NFT_SET_EVAL", "NFT_SET_TIMEOUT"]) for called in table.memories]
    for number, (called, kind, flags) in enumerate(grown, start=len(sets) + 1):
        size = {"attrs": [("NFTA_SET_DESC_SIZE", _MOST)]}
        yield from _set(table.name, called, number, kind, (), ("NFTA_SET_FLAGS", flags), ("NFTA_SET_DESC", size))
    for chain in table.chains:
        yield _chain(table.name, chain)
        for place, rule in enumerate(chain.rules, start=1):
            yield _request(
                f"add rule {place} of chain {table.name} {chain.name}",
                nft_rule_msg,
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
        nft_chain_msg,
        NFT_MSG_NEWCHAIN,
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain.name),
        ("NFTA_CHAIN_HOOK", hook),
        ("NFTA_CHAIN_POLICY", chain.policy),
        ("NFTA_CHAIN_TYPE", chain.kind),
    )


def _key(*fields: str | int) -> bytes:
    """Addresses and ports as a concatenation: whole words each."""
    return b"".join(socket.inet_aton(it) if isinstance(it, str) else _number(it) + bytes(2) for it in fields)


def _set(
    table: str, name: str, number: int, kind: int, keys: Sequence[bytes], *more: tuple[str, Any]
) -> Iterable[Request]:
    yield _request(
        f"add set {table} {name}",
        nft_set_msg,
        NFT_MSG_NEWSET,
        ("NFTA_SET_TABLE", table),
        ("NFTA_SET_NAME", name),
        ("NFTA_SET_KEY_TYPE", kind),
        ("NFTA_SET_KEY_LEN", {_ADDRESS: 4, _ADDRESS_AND_PORT: 8, _ADDRESSES_AND_PORT: 12}[kind]),
        ("NFTA_SET_ID", number),
        *more,
    )
    for start in range(0, len(keys), _ELEMENTS_AT_ONCE):
        elements = [{"attrs": [("NFTA_SET_ELEM_KEY", value(key))]} for key in keys[start : start + _ELEMENTS_AT_ONCE]]
        yield _request(
            f"fill set {table} {name}",
            nft_set_elem_list_msg,
            NFT_MSG_NEWSETELEM,
            ("NFTA_SET_ELEM_LIST_TABLE", table),
            ("NFTA_SET_ELEM_LIST_SET", name),
            ("NFTA_SET_ELEM_LIST_ELEMENTS", elements),
        )
