using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

/// <summary>VIPs of a VRRP group: answered for and forwarded while the lease lasts, silent and counted after it.</summary>
public sealed unsafe class LeaseTests : IDisposable
{
    private const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "10.0.0.50", Own6 = "2001:db8::2", Vip6 = "2001:db8::100", Client6 = "2001:db8::50";
    private const ulong ClientMac = 0x3200_0000_0002;
    private const ushort Group = 7;
    private readonly SnapshotContent _content;
    private readonly SlowPathRig _slowPath;
    private readonly EngineRig _worker = new();

    public LeaseTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Local(Own6, LocalAddressKind.Own, lan);
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        builder.Govern(Group);
        _content = builder.Content;
        _slowPath = new SlowPathRig(builder.Content);
        _worker.Publish(builder.Content);
        _worker.ResolveAll(builder.Content);
    }

    public void Dispose()
    {
        Assert.Equal(0, _slowPath.Held);
        _slowPath.Dispose();
        _worker.Dispose();
    }

    [Theory]
    [InlineData(0, false)]      // never owned
    [InlineData(1, true)]       // a nanosecond to go
    [InlineData(-1, false)]     // run out
    public void AnswersAndForwardsWhileTheLeaseLasts(int untilNs, bool owned)
    {
        ulong nowNs = (ulong)_slowPath.NowMs * 1_000_000;
        ulong until = untilNs == 0 ? 0 : nowNs + (ulong)untilNs;
        _slowPath.Region.Leases[Group] = until;
        _worker.Region.Leases[Group] = until;
        _worker.State->NowNs = nowNs;

        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac, 0));
        _slowPath.Punt(Solicitation(Vip6));
        Assert.Equal(owned ? 2 : 0, _slowPath.Sent.Count);
        Assert.Empty(_slowPath.ToTheHost);
        Assert.Empty(_slowPath.Drops);

        _slowPath.Punt(Messages.Echo4(Client, Vip));
        _slowPath.Punt(Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0, 1, 0, 1]));
        Assert.Equal(owned ? 4 : 0, _slowPath.Sent.Count);
        Assert.Equal(owned ? [] : [DropReason.VipNotOwned, DropReason.VipNotOwned], _slowPath.Drops);

        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80), Frames.L4(Client6, 4000, Vip6, 80));
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(owned ? Verdict.Forward : Verdict.Drop, _worker.Burst->VerdictOf(i));
            Assert.True(owned || _worker.Burst->Reason[i] == (byte)DropReason.VipNotOwned);
        }
    }

    [Fact]
    public void OwnAddressesAnswerAlways()
    {
        _slowPath.Punt(Messages.Arp(1, Client, Own, ClientMac, 0));
        _slowPath.Punt(Solicitation(Own6));
        Assert.Equal(2, _slowPath.Sent.Count);
    }

    /// <summary>Accept_Mode false (RFC 9568 section 6.1): the VIP is there for ARP, ND and its services only.</summary>
    [Fact]
    public void AVipThatTakesNoPacketsAnswersNoEcho()
    {
        foreach (ref LocalAddress4Entry local in CollectionsMarshal.AsSpan(_content.LocalAddresses4))
        {
            local.AcceptsNone = (byte)(local.Kind == LocalAddressKind.Vip ? 1 : 0);
        }

        foreach (ref LocalAddress6Entry local in CollectionsMarshal.AsSpan(_content.LocalAddresses6))
        {
            local.AcceptsNone = (byte)(local.Kind == LocalAddressKind.Vip ? 1 : 0);
        }

        _slowPath.Publish(_content);
        _worker.Publish(_content);
        _slowPath.Region.Leases[Group] = _worker.Region.Leases[Group] = ulong.MaxValue;
        _slowPath.Punt(Messages.Echo4(Client, Vip));
        _slowPath.Punt(Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0, 1, 0, 1]));
        Assert.Empty(_slowPath.Sent);
        Assert.Equal([DropReason.VipAcceptsNone, DropReason.VipAcceptsNone], _slowPath.Drops);

        _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac, 0));
        _slowPath.Punt(Solicitation(Vip6));
        Assert.Equal(2, _slowPath.Sent.Count);
        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80), Frames.L4(Client6, 4000, Vip6, 80));
        Assert.Equal([Verdict.Forward, Verdict.Forward], new[] { _worker.Burst->VerdictOf(0), _worker.Burst->VerdictOf(1) });
    }

    [Fact]
    public void TheDataplaneDoesNotAnnounceAddressesOfAGroup()
    {
        _slowPath.Region.Leases[Group] = ulong.MaxValue;
        _slowPath.Pass(5_000);
        byte[] vip = System.Net.IPAddress.Parse(Vip).GetAddressBytes(), vip6 = System.Net.IPAddress.Parse(Vip6).GetAddressBytes();
        Assert.DoesNotContain(_slowPath.Sent, s => s.Frame.AsSpan(28, 4).SequenceEqual(vip) || (s.Frame[54] == 136 && s.Frame.AsSpan(62, 16).SequenceEqual(vip6)));
    }

    [Fact]
    public void AFlowStaysWarmWhileTheGroupIsAway()
    {
        _worker.State->NowNs = 10;
        _worker.Region.Leases[Group] = 11;
        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80, tcpFlags: Wire.Syn));
        _worker.Region.Leases[Group] = 0;
        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80));
        Assert.Equal(Verdict.Drop, _worker.Burst->VerdictOf(0));
        _worker.Region.Leases[Group] = 11;
        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80));
        Assert.Equal(Verdict.Forward, _worker.Burst->VerdictOf(0));
        Assert.Equal(1UL, _worker.Counters.FlowsCreated);
    }

    /// <summary>The last look before a burst is sent: at the clock of then, and at the lease of then.</summary>
    [Theory]
    [InlineData(30_000, 30_000, 29_999, true)]      // stopped, but the lease lasts
    [InlineData(30_000, 30_000, 30_000, false)]     // over
    [InlineData(30_000, 90_000, 30_000, true)]      // over, but renewed meanwhile
    [InlineData(30_000, 0, 30_000, false)]          // given up
    [InlineData(10_000, 10_000, 20_000, true)]      // the thread was not stopped: the end of the lease has a margin for that
    public void ABurstIsLookedAtAgainBeforeItIsSent(ulong granted, ulong later, ulong nowNs, bool forwarded)
    {
        _worker.State->NowNs = 0;
        _worker.Region.Leases[Group] = granted;
        _worker.Run(0, Frames.L4(Client, 4000, Vip, 80), Frames.L4(Client6, 4000, Vip6, 80));
        _worker.Region.Leases[Group] = later;
        Fence.Run(_worker.State, _worker.Burst, nowNs);
        Assert.Equal(forwarded ? [Verdict.Forward, Verdict.Forward] : [Verdict.Drop, Verdict.Drop], new[] { _worker.Burst->VerdictOf(0), _worker.Burst->VerdictOf(1) });
        Assert.Equal(forwarded ? 2UL : 0, _worker.Counters.ForwardedPackets);
        Assert.Equal(forwarded ? (ulong)(_worker.Frame(0).Length + _worker.Frame(1).Length - (2 * Wire.EthernetBytes)) : 0, _worker.Counters.ForwardedBytes);
    }

    /// <summary>What the slow path sends says on whose lease it relies: it goes through a ring, and the worker looks again.</summary>
    [Fact]
    public void AnswersAndWaitingPacketsNameTheirGroup()
    {
        _slowPath.Region.Leases[Group] = ulong.MaxValue;
        Action[] answers =
        [
            () => _slowPath.Punt(Messages.Arp(1, Client, Vip, ClientMac, 0)),
            () => _slowPath.Punt(Solicitation(Vip6)),
            () => _slowPath.Punt(Messages.Echo4(Client, Vip)),
            () => _slowPath.Punt(Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0, 1, 0, 1])),
            () => _slowPath.Refuse(Frames.L4(Client, 4000, Vip, 80), DropReason.NoServer, 0),
            () =>
            {
                _slowPath.Wait(Frames.L4(Client, 4000, Vip, 80), 1, Group);
                _slowPath.Punt(Messages.Arp(2, "10.0.0.11", Own, ClientMac));
            },
        ];
        foreach (Action answer in answers)
        {
            int before = _slowPath.Sent.Count;
            answer();
            Assert.True(_slowPath.Sent.Count > before);
            Assert.Equal(Group, _slowPath.LastGroup);
            _slowPath.Punt(Messages.Arp(1, Client, Own, ClientMac, 0));
            Assert.Equal(0u, _slowPath.LastGroup);
        }
    }

    private static byte[] Solicitation(string target) => Messages.Nd(135, Client6, target, target, ClientMac, 1);
}
