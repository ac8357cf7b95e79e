namespace Forwarder.Nic.Tests;

/// <summary>The director with its NIC bound to uio_pci_generic.</summary>
public sealed class UioFixture() : NicFixture(NicBinding.Uio);
