"""SGX for Nova's guests: what is asked, what a host has, and which Nova it was tested on.

Nothing here imports the libvirt driver, so that nova-api, which only validates flavors, stays without it. The
driver itself is `nova.virt.sgx`.
"""
