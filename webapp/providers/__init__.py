"""One file for each provider of mail relays, all of the same shape."""

from webapp.providers import sandbox, sendgrid, smtp
from webapp.providers.contract import Provider

BY_NAME: dict[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER for module in (smtp, sendgrid, sandbox)
}
