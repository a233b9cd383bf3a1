def test_a_quote_with_real_prices_and_stock(ask):
    status, quote = ask("/quotes", {"basket": {"assam": 2, "cup": 1}})
    assert status == 200
    assert len(quote["lines"]) == 2
    assert quote["amount"] == sum(line["amount"] for line in quote["lines"]) > 0


def test_more_kettles_than_there_are(ask):
    assert ask("/quotes", {"basket": {"kettle": 1000}})[0] == 409
