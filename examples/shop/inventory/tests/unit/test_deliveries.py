import pytest

from inventory.deliveries import NotADelivery, delivery


def test_a_delivery():
    assert delivery(b'{"sku": "cup", "count": 24}') == ("cup", 24)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sku": "cup"}', b"\xff", b"null"])
def test_not_a_delivery_says_what_would_be_right(body):
    with pytest.raises(NotADelivery, match="send"):
        delivery(body)


@pytest.mark.parametrize("count", ["0", "-1", "10001", "true", "1.5", '"24"'])
def test_not_a_count(count):
    with pytest.raises(NotADelivery, match="cannot be delivered"):
        delivery(b'{"sku": "cup", "count": %b}' % count.encode())
