using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>All of <see cref="NicTests"/> by vfio-pci.</summary>
[Collection("nic")]
public sealed class VfioTests(VfioFixture fixture, ITestOutputHelper output) : NicTests(fixture, output), IClassFixture<VfioFixture>;
