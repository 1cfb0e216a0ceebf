"""The compute driver `sgx.LibvirtSGXDriver`; Nova puts `nova.virt.` before the option compute_driver."""

from nova.virt.sgx.driver import LibvirtSGXDriver

__all__ = ["LibvirtSGXDriver"]
