using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Abi;

public sealed class SnapshotTests
{
    private static SnapshotContent Content()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 10, "172.16.58.2");
        builder.Service("172.16.58.1", 80, 6, Scheduler.Wlc, 251, (lan, "172.16.58.7", 2), (lan, "172.16.58.8", 1));
        builder.Service("fd20::100", 80, 6, Scheduler.Maglev, 251, (lan, "fd20::101", 1));
        return builder.Content;
    }

    private static byte[] Written(ulong generation = 7)
    {
        SnapshotContent content = Content();
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        Assert.Equal(bytes.Length, SnapshotWriter.Write(content, generation, bytes));
        return bytes;
    }

    [Fact]
    public void WhatIsWrittenPassesTheVerifier() => Assert.Equal(SnapshotFault.None, SnapshotVerifier.Verify(Written(), 7, out _));

    [Fact]
    public void AnyFlippedBitIsNoticed()
    {
        byte[] bytes = Written();
        for (int at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x10;
            Assert.NotEqual(SnapshotFault.None, SnapshotVerifier.Verify(bytes, 7, out _));
            bytes[at] ^= 0x10;
        }
    }

    [Fact]
    public void AnyShorterSlotIsNoticed()
    {
        byte[] bytes = Written();
        for (int length = 0; length < bytes.Length; length += 7)
        {
            Assert.NotEqual(SnapshotFault.None, SnapshotVerifier.Verify(bytes.AsSpan(0, length), 7, out _));
        }
    }

    [Fact]
    public void AnotherGenerationIsNoticed() => Assert.Equal(SnapshotFault.Generation, SnapshotVerifier.Verify(Written(7), 8, out _));

    public static TheoryData<string, SnapshotFault> BadContents { get; } = new()
    {
        { "member", SnapshotFault.Member }, { "maglev", SnapshotFault.Maglev }, { "service", SnapshotFault.Service }, { "nextHop", SnapshotFault.Server }, { "port", SnapshotFault.Interface },
        { "key", SnapshotFault.ServiceKey }, { "interface", SnapshotFault.NextHop }, { "macGroup", SnapshotFault.VirtualMac }, { "macPort", SnapshotFault.VirtualMac }, { "mac", SnapshotFault.VirtualMac },
        { "flags", SnapshotFault.Service }, { "noTimeouts", SnapshotFault.Size }, { "manyTimeouts", SnapshotFault.Size }, { "timeout0", SnapshotFault.Timeouts }, { "timeoutLong", SnapshotFault.Timeouts },
        { "timeoutsOfService", SnapshotFault.Timeouts }, { "timeoutsOfServer", SnapshotFault.Timeouts }, { "quiescent", SnapshotFault.Server }, { "stateTable", SnapshotFault.Server }, { "valid", SnapshotFault.Server },
    };

    /// <summary>A content that is wrong in itself, with a right checksum: what a faulty compiler could publish.</summary>
    [Theory]
    [MemberData(nameof(BadContents))]
    public void AContentThatLeadsOutsideIsNoticed(string what, SnapshotFault expected)
    {
        SnapshotContent content = Content();
        switch (what)
        {
            case "member": content.Members[0] = 3; break;
            case "maglev": content.MaglevTables[1] = [.. content.MaglevTables[1].Select(e => (ushort)(e + 1))]; break;
            case "service": CollectionsMarshal.AsSpan(content.Services)[1].MembersCount = 4; break;
            case "nextHop": CollectionsMarshal.AsSpan(content.Servers)[1].NextHop = 99; break;
            case "port": CollectionsMarshal.AsSpan(content.Interfaces)[0].Port = Limits.PortsMax; break;
            case "key": CollectionsMarshal.AsSpan(content.ServiceKeys4)[0].Service = 2; break;
            case "macGroup": content.VirtualMacs.Add(new VirtualMacEntry { Key = VirtualMacEntry.MakeKey(VirtualMacEntry.MakeMac(7, false), 0, 0), VrrpGroup = 1 }); break; // there is no group
            case "macPort": new ContentBuilder().VirtualMac(1, 7, port: 3).Content.VirtualMacs.ForEach(content.VirtualMacs.Add); content.VrrpGroupsEnd = 2; break;
            case "mac": content.VirtualMacs.Add(new VirtualMacEntry { Key = VirtualMacEntry.MakeKey(0x0100_0000_0002, 0, 0), VrrpGroup = 1 }); content.VrrpGroupsEnd = 2; break;
            case "flags": CollectionsMarshal.AsSpan(content.Services)[1].Flags = (ServiceFlags)((int)ServiceFlags.All + 1); break;
            case "noTimeouts": content.Timeouts.Clear(); break;
            case "manyTimeouts": content.Timeouts.AddRange(Enumerable.Repeat(FlowTimeouts.Default, Limits.FlowTimeoutsMax)); break;
            case "timeout0": CollectionsMarshal.AsSpan(content.Timeouts)[0].TcpTimeWaitMs = 0; break;
            case "stateTable": CollectionsMarshal.AsSpan(content.Servers)[1].StateTable = ServerEntry.StateTablesSctp; break;
            case "timeoutLong": CollectionsMarshal.AsSpan(content.Timeouts)[0].UdpMs = FlowTimeouts.MaxMs + 1; break;
            case "timeoutsOfService": CollectionsMarshal.AsSpan(content.Services)[1].Timeouts = 1; break;
            case "quiescent": CollectionsMarshal.AsSpan(content.Servers)[1].Valid = ServerEntry.Quiescent; break;   // with a weight
            case "valid": CollectionsMarshal.AsSpan(content.Servers)[1].Valid = ServerEntry.Quiescent + 1; break;
            case "timeoutsOfServer": CollectionsMarshal.AsSpan(content.Servers)[1].Timeouts = 1; break;
            default: CollectionsMarshal.AsSpan(content.NextHops)[1].Interface = 1; break;
        }

        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        SnapshotWriter.Write(content, 1, bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _, portCount: 2));
    }

    [Theory]
    [InlineData(Encapsulation.Ipip, 0, 0, SnapshotFault.None)]
    [InlineData(Encapsulation.Gue, 6080, 1, SnapshotFault.None)]
    [InlineData(Encapsulation.Gre, 0, 1, SnapshotFault.None)]
    [InlineData(Encapsulation.Gue, 0, 0, SnapshotFault.Target)]
    [InlineData(Encapsulation.Gre, 6080, 0, SnapshotFault.Target)]
    [InlineData(Encapsulation.Ipip, 6080, 0, SnapshotFault.Target)]
    [InlineData(Encapsulation.Ipip, 0, 1, SnapshotFault.Target)]
    [InlineData(Encapsulation.Gre, 0, 2, SnapshotFault.Target)]
    [InlineData((Encapsulation)3, 0, 0, SnapshotFault.Target)]
    public void ATunnelIsOfAKindThatWorkersKnow(Encapsulation encapsulation, int port, byte checksum, SnapshotFault expected)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 10, "172.16.58.2");
        builder.Service("172.16.58.1", 80, 6, Scheduler.Wlc, 251, (lan, "172.16.58.7", 2));
        builder.Tunnel(1, "172.16.58.2", encapsulation, port);
        TargetEntry target = builder.Content.Targets[1];
        target.Checksum = checksum;
        builder.Content.Targets[1] = target;
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(builder.Content)];
        SnapshotWriter.Write(builder.Content, 1, bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _));
    }

    /// <summary>FullNAT may lead from IPv6 to IPv4 (NAT64), other ways not; its source addresses are of the server's family.</summary>
    [Theory]
    [InlineData("fd16::100", "172.16.58.7", "172.16.58.200", SnapshotFault.None)]
    [InlineData("fd16::100", "fd16::7", "fd16::200", SnapshotFault.None)]
    [InlineData("172.16.58.1", "fd16::7", "fd16::200", SnapshotFault.Target)]
    [InlineData("fd16::100", "172.16.58.7", "fd16::200", SnapshotFault.Source)]
    public void FullNatLeadsWhereWorkersTranslate(string vip, string server, string source, SnapshotFault expected)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 10, "172.16.58.2");
        builder.Service(vip, 80, 6, Scheduler.Wlc, 251, (lan, server, 2));
        builder.FullNat(1, 8080, source);
        if (expected == SnapshotFault.Source)
        {
            (ulong high, ulong low) = ContentBuilder.Words(source);
            CollectionsMarshal.AsSpan(builder.Content.Sources)[1] = new SourceEntry { High = high, Low = low, IpVersion = 6, Valid = 1 };
            builder.Content.LocalAddresses4.RemoveAll(a => a.Kind == LocalAddressKind.Source);
        }

        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(builder.Content)];
        SnapshotWriter.Write(builder.Content, 1, bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _));
    }

    /// <summary>Workers index with all that a rule of SNAT and its server say.</summary>
    [Theory]
    [InlineData("", SnapshotFault.None)]
    [InlineData("no ranges", SnapshotFault.SnatRange)]
    [InlineData("first range", SnapshotFault.SnatRange)]
    [InlineData("order", SnapshotFault.SnatRange)]
    [InlineData("same", SnapshotFault.SnatRange)]
    [InlineData("set", SnapshotFault.SnatRange)]
    [InlineData("rule of a set", SnapshotFault.SnatRange)]
    [InlineData("family of a set", SnapshotFault.SnatRange)]
    [InlineData("interface", SnapshotFault.SnatRule)]
    [InlineData("server", SnapshotFault.SnatRule)]
    [InlineData("family", SnapshotFault.SnatRule)]
    [InlineData("pool", SnapshotFault.SnatRule)]
    [InlineData("rule", SnapshotFault.SnatRule)]
    [InlineData("protocol", SnapshotFault.SnatRule)]
    [InlineData("member", SnapshotFault.Member)]
    [InlineData("target", SnapshotFault.Target)]
    public void ARuleOfSnatNamesWhatIsThere(string wrong, SnapshotFault expected)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "172.16.58.2");
        builder.Service("172.16.58.1", 80, 6, Scheduler.Wlc, 251, (lan, "172.16.58.7", 2));
        int server = builder.Snat(lan, "172.16.58.254", builder.Pool("172.16.58.200"), ["10.0.0.0/8"], from: lan);
        SnapshotContent content = builder.Content;
        ref SnatRuleEntry rule = ref CollectionsMarshal.AsSpan(content.SnatRules)[0];
        ref ServerEntry way = ref CollectionsMarshal.AsSpan(content.Servers)[server];
        ref ServiceEntry service = ref CollectionsMarshal.AsSpan(content.Services)[way.Service];
        switch (wrong)
        {
            case "no ranges": content.SnatDestinations6.Clear(); break;
            case "first range": content.SnatSources4.RemoveAt(0); break;
            case "order": content.SnatSources4.Reverse(1, 2); break;
            case "same": content.SnatSources4.Add(content.SnatSources4[^1]); break;
            case "set": content.SnatSources4[1] = content.SnatSources4[1] with { Set = (uint)content.SnatSets.Count }; break;
            case "rule of a set": CollectionsMarshal.AsSpan(content.SnatSets)[(int)content.SnatSources4[1].Set].Put(1, isIn: true); break;
            case "family of a set": content.SnatSources6[0] = content.SnatSources6[0] with { Set = content.SnatSources4[1].Set }; break;
            case "interface": rule.Interface = 1; break;
            case "server": rule.Server = 1; break;
            case "family": rule.IpVersion = 6; break;
            case "pool": service.PoolCount = 0; break;
            case "rule": way.SnatRule = 1; break;
            case "protocol": service.Protocol = 6; break;
            case "member": (service.MembersFirst, service.MembersCount) = ((uint)content.Members.Count, 1); content.Members.Add((uint)server); break;
            case "target": CollectionsMarshal.AsSpan(content.Targets)[(int)way.Target].IpVersion = 6; break;
        }

        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        SnapshotWriter.Write(content, 1, bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _));
    }

    [Theory]
    [InlineData(ClientAddressMode.ProxyV2, 6, SnapshotFault.None)]
    [InlineData(ClientAddressMode.ProxyV2, 17, SnapshotFault.None)]
    [InlineData(ClientAddressMode.ProxyV2, 132, SnapshotFault.Service)]
    [InlineData(ClientAddressMode.Toa, 6, SnapshotFault.None)]
    [InlineData(ClientAddressMode.Toa, 17, SnapshotFault.Service)]
    [InlineData(ClientAddressMode.Toa, 132, SnapshotFault.Service)]
    [InlineData(ClientAddressMode.Toa + 1, 6, SnapshotFault.Service)]
    public void TheClientsAddressIsToldAsItsProtocolPermits(ClientAddressMode mode, byte protocol, SnapshotFault expected)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 10, "172.16.58.2");
        builder.Service("172.16.58.1", 80, protocol, Scheduler.Wlc, 251, (lan, "172.16.58.7", 2));
        builder.FullNat(1, 8080, "172.16.58.200");
        CollectionsMarshal.AsSpan(builder.Content.Services)[1].ClientAddress = mode;
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(builder.Content)];
        SnapshotWriter.Write(builder.Content, 1, bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _));
    }

    [Theory]
    [InlineData(0, SnapshotFault.None)]
    [InlineData(1, SnapshotFault.None)]
    [InlineData(2, SnapshotFault.Header)]
    public void TheHeaderSaysYesOrNo(uint rejects, SnapshotFault expected)
    {
        SnapshotContent content = Content();
        content.RejectsNoService = rejects == 1;
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        SnapshotWriter.Write(content, 1, bytes);
        ref SnapshotHeader header = ref MemoryMarshal.AsRef<SnapshotHeader>(bytes.AsSpan());
        Assert.Equal(rejects & 1, header.RejectsNoService);
        header.RejectsNoService = rejects;
        header.Checksum = SnapshotVerifier.Checksum(bytes);
        Assert.Equal(expected, SnapshotVerifier.Verify(bytes, 1, out _));
    }

    [Fact]
    public void ATooSmallSlotIsRefusedInWords()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => SnapshotWriter.Write(Content(), 1, new byte[100]));
        Assert.Contains("a slot of the region has 100", e.Message, StringComparison.Ordinal);
    }
}
