"""Asking the name service who takes mail for a domain."""

import dns.exception
import dns.resolver

SECONDS = 3.0


def mx_hosts(domain: str) -> list[str]:
    """The MX hosts of `domain`, best first (RFC 5321 5.1); [] where it has none. Raises OSError
    when nobody can tell now."""
    resolver = dns.resolver.Resolver()
    resolver.lifetime = SECONDS
    try:
        answer = resolver.resolve(domain, "MX")
    except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
        return []
    except (dns.exception.DNSException, UnicodeError) as error:
        raise OSError(f"no MX of {domain}: {type(error).__name__}") from None
    return [str(record.exchange) for record in sorted(answer, key=lambda record: record.preference)]
