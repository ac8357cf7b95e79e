namespace Forwarder.Control.Tests;

/// <summary>When what the VRRP loop reads is taken for old.</summary>
public sealed class VrrpStallTests
{
    private const long Ms = 1_000_000;
    private readonly VrrpStall _stall = new(0) { ToleranceNs = 2 * Ms };

    [Theory]
    [InlineData(1, 10, 0)]      // a packet came
    [InlineData(10, 10, 0)]     // none came
    [InlineData(12, 10, 0)]     // a little late
    [InlineData(13, 10, 13)]    // as old as the last look, at the most
    [InlineData(500, 0, 500)]   // a stop outside of the wait: in a send, a collection
    public void ALateThreadReadsOldPackets(long afterMs, long waitMs, long ageMs) => Assert.Equal(ageMs * Ms, _stall.AgeNs(afterMs * Ms, waitMs * Ms));

    [Fact]
    public void WhatWasNotReadGetsOlder()
    {
        _stall.Drained(100 * Ms);
        Assert.Equal(0, _stall.AgeNs(101 * Ms, 1 * Ms));    // more waits than could be read; no Drained
        Assert.Equal(0, _stall.AgeNs(102 * Ms, 1 * Ms));
        Assert.Equal(4 * Ms, _stall.AgeNs(104 * Ms, 1 * Ms));
        _stall.Drained(104 * Ms);
        Assert.Equal(0, _stall.AgeNs(105 * Ms, 1 * Ms));
    }
}
