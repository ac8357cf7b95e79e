namespace Forwarder.Nic.Tests;

/// <summary>The director with two workers on a NIC with RSS.</summary>
public sealed class RssFixture() : NicFixture(NicBinding.Rss);
