"""One file for each provider of mail relays, all of the same shape."""
