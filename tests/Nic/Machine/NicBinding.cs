namespace Forwarder.Nic.Tests;

/// <summary>A NIC, and a way to hand it to DPDK: the kernel driver and what the machine needs for it.</summary>
/// <param name="KernelDriver">Kernel driver that the device is bound to.</param>
/// <param name="MachineArguments">QEMU's arguments beyond the common ones.</param>
/// <param name="KernelArguments">Words for the guest kernel's command line.</param>
/// <param name="Device">QEMU's device, without its network and MAC address.</param>
/// <param name="Queues">Queues of the NIC; a worker for each.</param>
public sealed record NicBinding(string KernelDriver, IReadOnlyList<string> MachineArguments, string KernelArguments, string Device = "e1000e", int Queues = 1)
{
    /// <summary>uio_pci_generic: no IOMMU, DPDK works with physical addresses.</summary>
    public static NicBinding Uio { get; } = new("uio_pci_generic", [], "");

    /// <summary>A virtio NIC that spreads packets over two queues by RSS, with the key and table that its driver sets (e1000e has one queue with DPDK).</summary>
    public static NicBinding Rss { get; } = new("uio_pci_generic", [], "", "virtio-net-pci,disable-legacy=on,mq=on,rss=on,vectors=6", Queues: 2);

    /// <summary>vfio-pci behind an emulated VT-d: DPDK works with virtual addresses that the IOMMU translates.</summary>
    public static NicBinding Vfio { get; } = new("vfio-pci", ["-device", "intel-iommu,intremap=on"], "intel_iommu=on");
}
