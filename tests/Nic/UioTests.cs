using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>All of <see cref="NicTests"/> by uio_pci_generic.</summary>
[Collection("nic")]
public sealed class UioTests(UioFixture fixture, ITestOutputHelper output) : NicTests(fixture, output), IClassFixture<UioFixture>;
