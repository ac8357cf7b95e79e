using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

/// <summary>Virtual router MAC addresses: ours while their group is, and only for VIPs and what servers behind NAT answer.</summary>
public sealed unsafe class VirtualMacTests : IDisposable
{
    private const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "10.0.0.50", Vip6 = "2001:db8::100", Client6 = "2001:db8::50", NatServer = "10.0.0.12", Elsewhere = "192.0.2.1";
    private const ulong ClientMac = 0x3200_0000_0002, OwnMac = Messages.DirectorMac;
    private const ushort Group4 = 7, Group6 = 9;
    private const byte Vrid = 0x33;
    private static readonly ulong s_mac4 = ContentBuilder.Mac("00:00:5e:00:01:33"), s_mac6 = ContentBuilder.Mac("00:00:5e:00:02:33");
    private readonly SlowPathRig _slowPath;
    private readonly EngineRig _worker = new();

    public VirtualMacTests()
    {
        ContentBuilder builder = Builder();
        _slowPath = new SlowPathRig(builder.Content);
        _worker.Publish(builder.Content);
        _worker.ResolveAll(builder.Content);
        _worker.State->NowNs = 10;
    }

    public void Dispose()
    {
        Assert.Equal(0, _slowPath.Held);
        _slowPath.Dispose();
        _worker.Dispose();
    }

    [Fact]
    public void TheAddressIsTheOneOfTheRfc()
    {
        Assert.Equal(s_mac4, VirtualMacEntry.MakeMac(Vrid, isIPv6: false));
        Assert.Equal(s_mac6, VirtualMacEntry.MakeMac(Vrid, isIPv6: true));
    }

    [Fact]
    public void FramesToItAreTakenWhileTheGroupIsOwned()
    {
        byte[][] frames = [Tcp(Client, Vip, s_mac4), Tcp(Client6, Vip6, s_mac6), To(s_mac4, Messages.Echo4(Client, Vip)), To(s_mac4, Messages.Arp(1, Client, Vip, ClientMac))];
        Assert.Equal(Enumerable.Repeat("VipNotOwned", 4), Fates(frames));
        Lease(Group4);
        Assert.Equal(["Forward", "VipNotOwned", "Punt", "Punt"], Fates(frames));
        Lease(Group6);
        Assert.Equal(["Forward", "Forward", "Punt", "Punt"], Fates(frames));
        Lease(Group4, untilNs: 10);     // run out
        Assert.Equal(["VipNotOwned", "Forward", "VipNotOwned", "VipNotOwned"], Fates(frames));
    }

    [Fact]
    public void ThePortsOwnMacStaysGood()
    {
        byte[] frame = Tcp(Client, Vip, OwnMac);
        Assert.Equal(["VipNotOwned"], Fates(frame));
        Lease(Group4);
        Assert.Equal(["Forward"], Fates(frame));
    }

    [Fact]
    public void OnlyVipsAndRepliesBehindNatAreTaken()
    {
        Lease(Group4);
        Lease(Group6);
        Assert.Equal(["NotOurMac"], Fates(Tcp(Client, Own, s_mac4)));
        Assert.Equal(["NotOurMac"], Fates(Tcp(Client, Elsewhere, s_mac4)));
        Assert.Equal(["NotOurMac"], Fates(Tcp(Client6, "2001:db8::2", s_mac6)));
        Assert.Equal(["NotOurMac"], Fates(To(s_mac4, Messages.Echo4(Client, Own))));
        Assert.Equal(["NotOurMac"], Fates(To(s_mac4, Messages.Arp(1, Client, Own, ClientMac))));
        byte[] lldp = Tcp(Client, Vip, s_mac4);
        BinaryPrimitives.WriteUInt16BigEndian(lldp.AsSpan(12), 0x88CC);
        Assert.Equal(["NotOurMac"], Fates(lldp));
        Assert.Equal(["Truncated"], Fates(Tcp(Client, Vip, s_mac4)[..30]));
        Assert.Equal(["NotOurMac"], Fates(To(s_mac4, Messages.Arp(1, Client, Vip, ClientMac))[..40]));

        Assert.Equal(["Forward"], Fates(Frames.L4(Elsewhere, 4000, Vip, 81, tcpFlags: Wire.Syn, destinationMac: s_mac4)));
        Assert.Equal(["Forward"], Fates(Frames.L4(NatServer, 8080, Elsewhere, 4000, destinationMac: s_mac4)));
        Assert.Equal(["NotOurMac"], Fates(Frames.L4(NatServer, 8080, Elsewhere, 4001, destinationMac: s_mac4))); // of no flow: not the host's either
        Assert.Equal(["Punt"], Fates(Frames.L4(NatServer, 8080, Elsewhere, 4001, destinationMac: OwnMac)));
    }

    [Fact]
    public void AMacOfAnotherVridPortOrVlanIsForeign()
    {
        Lease(Group4);
        Lease(Group6);
        Assert.Equal(["NotOurMac"], Fates(Tcp(Client, Vip, ContentBuilder.Mac("00:00:5e:00:01:34"))));
        Assert.Equal(["NotOurMac"], Fates(Frames.L4(Client, 4000, Vip, 80, vlan: 5, destinationMac: s_mac4)));
        _worker.Run(1, Tcp(Client, Vip, s_mac4));
        Assert.Equal((byte)DropReason.NotOurMac, _worker.Burst->Reason[0]);
    }

    [Fact]
    public void ItIsGoneWithTheGroup()
    {
        Lease(Group4);
        ContentBuilder builder = Builder();
        builder.Content.VirtualMacs.Clear();
        _worker.Publish(builder.Content);
        _slowPath.Publish(builder.Content);
        Assert.Equal(["NotOurMac"], Fates(Tcp(Client, Vip, s_mac4)));
        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac));
        Assert.Equal(OwnMac, SourceOf(Assert.Single(_slowPath.Sent).Frame));
    }

    [Fact]
    public void ArpNdAndEchoAreAnsweredFromIt()
    {
        Lease(Group4);
        Lease(Group6);
        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac));
        _slowPath.Punt(Messages.Nd(135, Client6, "ff02::1:ff00:100", Vip6, ClientMac, 1));
        _slowPath.Punt(To(s_mac4, Messages.Echo4(Client, Vip)));
        _slowPath.Punt(To(s_mac6, Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0, 1, 0, 1])));
        Assert.Equal([s_mac4, s_mac6, s_mac4, s_mac6], _slowPath.Sent.Select(s => SourceOf(s.Frame)));
        Assert.Equal(s_mac4, MacAt(_slowPath.Sent[0].Frame, 22));       // sender hardware address
        Assert.Equal(s_mac6, MacAt(_slowPath.Sent[1].Frame, 80));       // target link-layer address option
    }

    [Fact]
    public void NotOwnedIsSilent()
    {
        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac));
        _slowPath.Punt(Messages.Nd(135, Client6, "ff02::1:ff00:100", Vip6, ClientMac, 1));
        Assert.Empty(_slowPath.Sent);
    }

    /// <summary>A VIP is asked for on all interfaces; elsewhere than on its group's the virtual MAC would reach nobody.</summary>
    [Fact]
    public void OnOtherInterfacesTheVipIsAtThePortsMac()
    {
        Lease(Group4);
        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac), port: 1);
        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac, vlan: 5));
        Assert.Equal([OwnMac + (1UL << 40), OwnMac], _slowPath.Sent.Select(s => SourceOf(s.Frame)));
    }

    [Fact]
    public void OwnAddressesStayAtThePortsMac()
    {
        Lease(Group4);
        _slowPath.Punt(Messages.Arp(1, Client, Own, ClientMac));
        Assert.Equal(OwnMac, SourceOf(Assert.Single(_slowPath.Sent).Frame));
    }

    private static ContentBuilder Builder()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Interface(1);
        builder.Interface(0, 5);
        builder.Local("2001:db8::2", LocalAddressKind.Own, lan);
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip, 81, Wire.Tcp, servers: [(lan, NatServer, 1)]);
        builder.Nat(2, 8080);
        builder.Govern(Group4);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        ServiceEntry service6 = builder.Content.Services[3];
        service6.VrrpGroup = Group6;
        builder.Content.Services[3] = service6;
        int vip6 = builder.Content.LocalAddresses6.FindIndex(l => l.Kind == LocalAddressKind.Vip);
        builder.Content.LocalAddresses6[vip6] = builder.Content.LocalAddresses6[vip6] with { VrrpGroup = Group6 };
        return builder.VirtualMac(Group4, Vrid).VirtualMac(Group6, Vrid, isIPv6: true);
    }

    private void Lease(ushort group, ulong untilNs = ulong.MaxValue)
    {
        _worker.Region.Leases[group] = untilNs;
        _slowPath.Region.Leases[group] = untilNs;
    }

    private IEnumerable<string> Fates(params byte[][] frames)
    {
        _worker.Run(0, frames);
        return [.. frames.Select((_, i) => _worker.Burst->VerdictOf(i) is Verdict.Drop ? ((DropReason)_worker.Burst->Reason[i]).ToString() : _worker.Burst->VerdictOf(i).ToString())];
    }

    private static byte[] Tcp(string source, string destination, ulong mac) => Frames.L4(source, 4000, destination, 80, destinationMac: mac);

    private static byte[] To(ulong mac, byte[] frame) => [.. BitConverter.GetBytes(mac)[..6], .. frame[6..]];

    private static ulong SourceOf(byte[] frame) => MacAt(frame, 6);

    private static ulong MacAt(byte[] frame, int at) => BinaryPrimitives.ReadUInt64LittleEndian([.. frame[at..(at + 6)], 0, 0]);
}
