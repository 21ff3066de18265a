"""One file for each provider of mail relays, all of the same shape."""

from webapp.providers import (
    amazon_ses,
    bounce_mail,
    brevo,
    fetches,
    mailgun,
    mailjet,
    postal,
    postmark,
    resend,
    sandbox,
    sendgrid,
    smtp,
    sparkpost,
)
from webapp.providers.contract import Provider

_MODULES = (
    smtp, amazon_ses, brevo, mailgun, mailjet, postal, postmark, resend, sendgrid, sparkpost,
    sandbox,
)  # fmt: skip
BY_NAME: dict[str, Provider] = {module.PROVIDER.name: module.PROVIDER for module in _MODULES}
# who can be read, beside those a Connection may be of
READERS: dict[str, Provider] = BY_NAME | {
    module.PROVIDER.name: module.PROVIDER for module in (bounce_mail, fetches)
}
