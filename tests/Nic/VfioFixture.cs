namespace Forwarder.Nic.Tests;

/// <summary>The director with its NIC bound to vfio-pci behind an IOMMU.</summary>
public sealed class VfioFixture() : NicFixture(NicBinding.Vfio);
