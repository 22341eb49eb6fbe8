"""Whom a network address stands for, as far as addresses say: what is counted by address is
counted by this."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address


@lru_cache(maxsize=1000)
def household(address: str) -> str:
    """Of IPv6 the first 64 bits: one phone or household has a whole network of these. An IPv4
    address that is written as one of IPv6 is that. What is no address stands for itself."""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(read, IPv6Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(IPv6Network((read, 64), strict=False).network_address)
