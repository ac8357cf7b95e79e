using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Dataplane;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Ports;

/// <summary>Ports receive what the snapshot needs, by the best way that they have, and no more than that.</summary>
public sealed unsafe class PortFiltersTests : IDisposable
{
    private const string AllNodes = "333300000001", Vrrp4 = "01005E000012", Vrrp6 = "333300000012", OwnSolicited = "3333FF000002", VipSolicited = "3333FF000100", Mac51 = "00005E000133", Mac51v6 = "00005E000233";
    private readonly EngineRig _rig = new();
    private readonly CardWithFilters _card = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void WithoutVrrpOnlyNeighbourDiscovery()
    {
        Make().SetSnapshot(Snapshot(0));
        AssertCard([AllNodes, OwnSolicited, VipSolicited], [], promiscuous: false);
        Assert.Equal(PortFilterMode.Filter, Block.MulticastMode);
    }

    [Fact]
    public void TheGroupsOfVrrpComeAndGoWithIt()
    {
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4));
        AssertCard([AllNodes, OwnSolicited, VipSolicited, Vrrp4], [], promiscuous: false);
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4 | InterfaceEntry.Vrrp6));
        AssertCard([AllNodes, OwnSolicited, VipSolicited, Vrrp4, Vrrp6], [], promiscuous: false);
        filters.SetSnapshot(Snapshot(0));
        AssertCard([AllNodes, OwnSolicited, VipSolicited], [], promiscuous: false);
    }

    [Fact]
    public void VirtualMacsComeAndGo()
    {
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0), (51, true, 0), (51, false, 7), (60, false, 0)));   // one of them on two VLANs
        AssertMacs([Mac51, Mac51v6, "00005E00013C"], promiscuous: false);
        Assert.Equal([PortFilterMode.Filter, PortFilterMode.Filter, PortFilterMode.Filter], Modes());
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 7)));
        AssertMacs([Mac51], promiscuous: false);
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4));
        AssertMacs([], promiscuous: false);
        Assert.Empty(Modes());
    }

    [Fact]
    public void WhatDoesNotChangeIsNotSetAgain()
    {
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0)));
        int calls = _card.Calls;
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0)));
        filters.Poll();
        Assert.Equal(calls, _card.Calls);
    }

    [Fact]
    public void WhatFindsNoRoomMakesThePortPromiscuousUntilThereIsRoom()
    {
        _card.MacsMax = 1;
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0), (52, false, 0)));
        Assert.True(_card.Promiscuous);
        Assert.Equal([PortFilterMode.Filter, PortFilterMode.Promiscuous], Modes().Order());
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (52, false, 0)));
        AssertMacs(["00005E000134"], promiscuous: false);
        Assert.Equal([PortFilterMode.Filter], Modes());
    }

    [Theory]
    [InlineData(true, PortFilterMode.Promiscuous)]
    [InlineData(false, PortFilterMode.Unfiltered)]
    public void APortWithoutMoreAddressesIsPromiscuousAsLongAsItHasVirtualMacs(bool hasPromiscuous, PortFilterMode expected)
    {
        (_card.MacsMax, _card.HasPromiscuous) = (0, hasPromiscuous);
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0)));
        Assert.Equal(hasPromiscuous, _card.Promiscuous);
        Assert.Equal([expected], Modes());
        filters.SetSnapshot(Snapshot(0));
        Assert.False(_card.Promiscuous);
    }

    [Theory]
    [InlineData(true, false, true, PortFilterMode.Filter)]
    [InlineData(false, true, true, PortFilterMode.AllMulticast)]
    [InlineData(false, false, true, PortFilterMode.Promiscuous)]
    [InlineData(false, false, false, PortFilterMode.Unfiltered)]
    public void MulticastHasALadder(bool list, bool all, bool promiscuous, PortFilterMode expected)
    {
        (_card.HasList, _card.HasAllMulticast, _card.HasPromiscuous) = (list, all, promiscuous);
        Make().SetSnapshot(Snapshot(InterfaceEntry.Vrrp4));
        Assert.Equal(expected, Block.MulticastMode);
        Assert.Equal(expected == PortFilterMode.AllMulticast, _card.AllMulticast);
        Assert.Equal(expected == PortFilterMode.Promiscuous, _card.Promiscuous);
    }

    [Fact]
    public void APortThatShallBePromiscuousStaysSo()
    {
        PortFilters filters = Make(promiscuous: true);
        filters.SetSnapshot(Snapshot(InterfaceEntry.Vrrp4, (51, false, 0)));
        filters.SetSnapshot(Snapshot(0));
        Assert.True(_card.Promiscuous);
        Assert.Equal(PortFilterMode.Promiscuous, Block.MulticastMode);
    }

    [Fact]
    public void TheHostsGroupsAreFollowed()
    {
        PortFilters filters = Make();
        filters.Poll();   // nothing is known yet
        Assert.Empty(_card.Multicast);
        _card.HostGroups = ["01005E000001", AllNodes];
        filters.SetSnapshot(Snapshot(0));
        AssertCard([AllNodes, OwnSolicited, VipSolicited, "01005E000001"], [], promiscuous: false);
        _card.HostGroups = ["01005E000005"];
        filters.Poll();
        AssertCard([AllNodes, OwnSolicited, VipSolicited, "01005E000005"], [], promiscuous: false);
    }

    /// <summary>More than fit, or nobody knows which.</summary>
    [Theory]
    [InlineData(200)]
    [InlineData(-1)]
    public void OtherwiseAllMulticastIsTaken(int hostGroups)
    {
        _card.HostGroups = hostGroups < 0 ? null : [.. Enumerable.Range(0, hostGroups).Select(i => $"01005E0001{i:X2}")];
        PortFilters filters = Make();
        filters.SetSnapshot(Snapshot(0));
        Assert.Equal(PortFilterMode.AllMulticast, Block.MulticastMode);
        Assert.True(_card.AllMulticast);
        _card.HostGroups = [];
        filters.Poll();
        Assert.Equal(PortFilterMode.Filter, Block.MulticastMode);
        Assert.False(_card.AllMulticast);
    }

    private ref PortBlock Block => ref _rig.Region.Port(0);

    private PortFilters Make(bool promiscuous = false) => new(_card, _rig.Region, ["lan0"], [promiscuous], null);

    private SnapshotView Snapshot(byte families, params (byte Vrid, bool IsIPv6, uint Vlan)[] macs)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "10.0.0.2");
        builder.Local("2001:db8::2", LocalAddressKind.Own, lan).Local("2001:db8::100", LocalAddressKind.Vip);
        CollectionsMarshal.AsSpan(builder.Content.Interfaces)[0].VrrpFamilies = families;
        ushort group = 1;
        foreach ((byte vrid, bool isIPv6, uint vlan) in macs)
        {
            builder.VirtualMac(group++, vrid, isIPv6, vlan: vlan);
        }

        builder.VirtualMac(group, 99, port: 1);   // another port's
        _rig.Publish(builder.Content);
        return _rig.State->View;
    }

    private PortFilterMode[] Modes() => [.. Enumerable.Range(0, (int)Block.VirtualMacCount).Select(i => (PortFilterMode)(Block.VirtualMacs[i] >> 48))];

    private void AssertMacs(string[] macs, bool promiscuous) => AssertCard(null, macs, promiscuous);

    private void AssertCard(string[]? multicast, string[] macs, bool promiscuous)
    {
        Assert.Equal((multicast ?? [.. _card.Multicast]).Order(), _card.Multicast.Order());
        Assert.Equal(macs.Order(), _card.Macs.Order());
        Assert.Equal(promiscuous, _card.Promiscuous);
        Assert.False(_card.AllMulticast);
    }
}
