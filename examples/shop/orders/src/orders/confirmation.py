"""What the customer reads when all is done."""


def confirmation(number, payment, parcel):
    """One order, paid and shipped. The number begins with the mode where it is not real."""
    days = "tomorrow" if parcel["days"] == 1 else f"in {parcel['days']} days"
    return {
        "order": number,
        "paid": payment["amount"],
        "authorisation": payment["authorisation"],
        "tracking": parcel["tracking"],
        "message": f"Thank you. Your tea arrives {days}.",
    }
