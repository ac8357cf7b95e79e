namespace Forwarder.Nic.Tests;

/// <summary>A way to hand a PCI device to DPDK: the kernel driver and what the machine needs for it.</summary>
/// <param name="KernelDriver">Kernel driver that the device is bound to.</param>
/// <param name="MachineArguments">QEMU's arguments beyond the common ones.</param>
/// <param name="KernelArguments">Words for the guest kernel's command line.</param>
public sealed record NicBinding(string KernelDriver, IReadOnlyList<string> MachineArguments, string KernelArguments)
{
    /// <summary>uio_pci_generic: no IOMMU, DPDK works with physical addresses.</summary>
    public static NicBinding Uio { get; } = new("uio_pci_generic", [], "");

    /// <summary>vfio-pci behind an emulated VT-d: DPDK works with virtual addresses that the IOMMU translates.</summary>
    public static NicBinding Vfio { get; } = new("vfio-pci", ["-device", "intel-iommu,intremap=on"], "intel_iommu=on");
}
