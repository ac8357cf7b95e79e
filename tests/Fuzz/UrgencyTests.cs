using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Under a flood for the host, VRRP, ARP and neighbour discovery still reach housekeeping; under one of ARP, VRRP does.</summary>
public sealed class UrgencyTests : IDisposable
{
    private const ulong Neighbour = 0x0100_0000_0002, VrrpGroup4 = 0x1200_005E_0001;

    private readonly WorkerRig _rig = new(FuzzNetwork.Content, FuzzNetwork.PortMac);

    public void Dispose() => _rig.Dispose();

    private static byte[] Vrrp4 => Frames.Of(Ip4(112), VrrpGroup4, Neighbour);

    private static byte[] Tagged => Frames.Of(Ip4(112), VrrpGroup4, Neighbour, FuzzNetwork.Vlan);

    private static byte[] Vrrp6
    {
        get
        {
            byte[] frame = Messages.Icmpv6("fe80::9", "ff02::12", Neighbour, new byte[24], hopLimit: 255);
            frame[20] = 112;
            return frame;
        }
    }

    private static byte[] Arp => Messages.Arp(1, "172.16.0.9", "172.16.58.1", Neighbour);

    private static byte[] Solicitation => Messages.Nd(135, "fe80::9", "ff02::1:ff00:100", "fd16::100", Neighbour, 1);

    private static byte[] Ordinary => Frames.Of(Ip4(17), VrrpGroup4, Neighbour);

    [Fact]
    public void When_the_ring_is_full_only_what_is_ordinary_is_lost()
    {
        (_rig.RingRoom, _rig.UrgentRoom) = (0, MbufPlan.UrgentEntries);
        Assert.Equal(["urgent", "urgent", "urgent", "urgent", "urgent", "PuntRingFull"], Turn(Vrrp4, Tagged, Vrrp6, Arp, Solicitation, Ordinary));
    }

    [Fact]
    public void Half_of_the_urgent_ring_is_for_VRRP_alone()
    {
        (_rig.RingRoom, _rig.UrgentRoom) = (0, MbufPlan.UrgentEntries / 2);
        Assert.Equal(["PuntRingFull", "PuntRingFull", "urgent", "urgent"], Turn(Arp, Solicitation, Vrrp4, Vrrp6));
        (_rig.RingRoom, _rig.UrgentRoom) = (0, (MbufPlan.UrgentEntries / 2) + 1);
        Assert.Equal(["urgent", "PuntRingFull"], Turn(Arp, Solicitation));
    }

    [Fact]
    public void What_finds_the_urgent_ring_full_goes_the_way_of_all()
    {
        (_rig.RingRoom, _rig.UrgentRoom) = (WorkerRig.RingEntries, 0);
        Assert.Equal(["punt", "punt", "punt"], Turn(Vrrp4, Arp, Ordinary));
    }

    /// <summary>A scan must not crowd out ARP for real servers, or what waits for them.</summary>
    [Fact]
    public void Half_of_the_ring_is_not_for_packets_whose_senders_are_told()
    {
        byte[] unserved = Frames.L4("172.16.0.9", 1_000, "172.16.58.1", 99, tcpFlags: Wire.Syn, destinationMac: FuzzNetwork.PortMac);
        _rig.Leases[FuzzNetwork.Group] = ulong.MaxValue;
        (_rig.RingRoom, _rig.UrgentRoom) = ((WorkerRig.RingEntries / 2) + 1, 0);
        Fate[] fates = _rig.Turn(0, [unserved, unserved, Ordinary]);
        Assert.Equal(["refuse", "refuse", "punt"], fates.Select(f => f.Kind));
        Assert.Equal([DropReason.None, DropReason.NoService, DropReason.None], fates.Select(f => f.Lost));
        Assert.Equal((2UL, 1UL), (_rig.Counters.PuntedPackets, _rig.Drops[(int)DropReason.NoService]));
    }

    private string[] Turn(params byte[][] frames) => [.. _rig.Turn(0, frames).Select(f => f.Lost == DropReason.None ? f.Name : f.Lost.ToString())];

    /// <summary>A header to VRRP's group, with 20 bytes after it.</summary>
    private static byte[] Ip4(byte protocol)
    {
        byte[] ip = new byte[40];
        (ip[0], ip[3], ip[8], ip[9], ip[12], ip[13], ip[15], ip[16], ip[19]) = (0x45, 40, 255, protocol, 172, 16, 9, 224, 18);
        ushort sum = Messages.Fold(ip.AsSpan(0, 20));
        (ip[10], ip[11]) = ((byte)(sum >> 8), (byte)sum);
        return ip;
    }
}
