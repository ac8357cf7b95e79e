using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>The client's address as a TCP option, segment by segment.</summary>
public sealed unsafe class ToaTests
{
    private const uint Isn = 1_000, First = Isn + 1, ServerFirst = 5_001;
    private static readonly byte[] s_hello = "hello"u8.ToArray(), s_size = [2, 4, 5, 180], s_times = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

    public static TheoryData<bool, bool> Families => new() { { false, false }, { true, true }, { true, false } };

    private static ProxyBed Bed(bool clientV6 = false, bool serverV6 = false) => new(clientV6, serverV6, mode: ClientAddressMode.Toa);

    private static ProxyBed Opened(bool clientV6 = false, bool serverV6 = false)
    {
        ProxyBed bed = Bed(clientV6, serverV6);
        bed.Open(Isn, ServerFirst - 1);
        return bed;
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void TheSynAndAllThatFollowsItCarryTheAddressUntilTheServerHasTakenAByte(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Bed(clientV6, serverV6);
        Same(bed, bed.OfClient(Isn, flags: Segment.Syn) with { Options = s_size }, bed.Option, s_size);
        Same(bed, bed.OfClient(Isn, flags: Segment.Syn, data: s_hello), bed.Option);
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack))!.Acknowledgment);
        Same(bed, bed.OfClient(First, ServerFirst), bed.Option);
        Same(bed, bed.OfClient(First, ServerFirst, Segment.Ack | Segment.Psh, s_hello) with { Options = s_times }, bed.Option, s_times);
        Same(bed, bed.OfClient(First + 5, ServerFirst, Segment.Ack | Segment.Fin), bed.Option);
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst, First))!.Acknowledgment); // no connection yet, maybe
        Same(bed, bed.OfClient(First, ServerFirst), bed.Option);
        Assert.Equal(First + 1, bed.ToClient(bed.OfServer(ServerFirst, First + 1))!.Acknowledgment);
        Same(bed, bed.OfClient(First, ServerFirst, data: s_hello) with { Options = s_times }, s_times);
        Assert.Equal((0UL, 0UL), (bed.Rig.Counters.ToaForged, bed.Rig.Counters.ToaOptionsCut));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void TheServersDataOrEndIsAnAnswerAndAResetIsNone(bool clientV6, bool serverV6)
    {
        using ProxyBed data = Opened(clientV6, serverV6), end = Opened(clientV6, serverV6), reset = Opened(clientV6, serverV6);
        _ = data.ToClient(data.OfServer(ServerFirst, First, data: [1]));
        Same(data, data.OfClient(First, ServerFirst + 1));
        _ = end.ToClient(end.OfServer(ServerFirst, First, Segment.Ack | Segment.Fin));
        Same(end, end.OfClient(First, ServerFirst + 1));
        _ = reset.ToClient(reset.OfServer(ServerFirst, First + 9, Segment.Ack | Segment.Rst));
        _ = reset.ToClient(reset.OfServer(ServerFirst, First + 9, Segment.Psh));
        Same(reset, reset.OfClient(First, ServerFirst), reset.Option);
        Same(reset, reset.OfClient(First, flags: Segment.Rst));
    }

    /// <summary>A connection that the server alone has forgotten: the next one has the address again, by the same numbers, too.</summary>
    [Fact]
    public void ASynOfTheServerBeginsAnew()
    {
        using ProxyBed bed = Opened();
        foreach (uint isn in (uint[])[Isn, 77])
        {
            _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5, data: s_hello));
            Same(bed, bed.OfClient(isn, flags: Segment.Syn), bed.Option);
            _ = bed.ToClient(bed.OfServer(ServerFirst - 1, isn + 1, Segment.Syn | Segment.Ack));
            Same(bed, bed.OfClient(isn + 1, ServerFirst), bed.Option);
        }
    }

    public static TheoryData<string, string> Forged => new()
    {
        { "FE08C3500A000001", "0101010101010101" },
        { "FE14C350FD160000000000000000000000000001", "0101010101010101010101010101010101010101" },
        { "01FE08C3500A0000010101", "0101010101010101010101" },
        { "0101080A0102030405060708FE03010000000000", "0101080A01020304050607080101010000000000" },
        { "FE0201FE0200", "010101010100" },
        { "FE08C3500A000001FE08C3510A000002", "01010101010101010101010101010101" },
        { "00FE08C3500A000001", "00FE08C3500A000001" }, // behind the end of options nobody reads
        { "FE", "FE" },
        { "FE010000", "FE010000" },
        { "FE090000", "FE090000" },
        { "02010000FE08C3500A000001", "02010000FE08C3500A000001" },
    };

    [Theory]
    [MemberData(nameof(Forged))]
    public void AClientsOwnOptionsAreOverwrittenInAllOfItsSegments(string sent, string became)
    {
        byte[] options = Padded(Convert.FromHexString(sent)), expected = Padded(Convert.FromHexString(became));
        ulong forged = options.AsSpan().SequenceEqual(expected) ? 0u : 1;
        using ProxyBed bed = Bed();
        Same(bed, bed.OfClient(Isn, flags: Segment.Syn) with { Options = options }, bed.Option, expected);
        _ = bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack));
        Same(bed, bed.OfClient(First, ServerFirst) with { Options = options }, bed.Option, expected);
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5));
        Same(bed, bed.OfClient(First, ServerFirst, data: s_hello) with { Options = options }, expected);
        Same(bed, bed.OfClient(First, flags: Segment.Rst) with { Options = options }, expected);
        Assert.Equal(4 * forged, bed.Rig.Counters.ToaForged);
    }

    /// <summary>What two hosts have agreed on fits always; the first of a kind that fits stays.</summary>
    [Theory]
    [InlineData(true, "020405B40402080A0102030405060708030307" + "220C0102030405060708090A", "020405B40402080A01020304050607080303" + "0700")]
    [InlineData(true, "0101080A0102030405060708" + "0101050A0000000100000002", "080A01020304050607080000")]
    [InlineData(false, "0101080A0102030405060708" + "1E180102030405060708090A0B0C0D0E0F10111213141516", "080A01020304050607080000")]
    [InlineData(false, "FE280000000000000000000000000000000000000000000000000000000000000000000000000000", "")]
    [InlineData(true, "020405B4" + "020405B4" + "020405B4" + "020405B4" + "020405B4" + "020405B4", "020405B4" + "020405B4" + "020405B4" + "020405B4" + "020405B4")]
    [InlineData(true, "0214000000000000000000000000000000000000" + "0402" + "08060101" + "0101", "0214000000000000000000000000000000000000")]
    public void OptionsThatLeaveNoRoomGiveWay(bool v6, string sent, string kept)
    {
        using ProxyBed bed = Opened(v6, v6);
        byte[] options = Padded(Convert.FromHexString(sent));
        Same(bed, bed.OfClient(Isn, flags: Segment.Syn) with { Options = options }, bed.Option, Convert.FromHexString(kept));
        Same(bed, bed.OfClient(First, ServerFirst, data: s_hello) with { Options = options }, bed.Option, Convert.FromHexString(kept));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5));
        Assert.Equal(options.Length, bed.ToServer(bed.OfClient(First, ServerFirst) with { Options = options })!.Options.Length);
        Assert.Equal(2UL, bed.Rig.Counters.ToaOptionsCut);
    }

    [Theory]
    [InlineData(false, false, 1_460, 1_452)]
    [InlineData(false, false, 8_960, 1_452)]
    [InlineData(true, true, 8_940, 1_420)]
    [InlineData(true, false, 1_460, 1_440)]
    public void TheServersSegmentSizeLeavesRoomForTheOption(bool clientV6, bool serverV6, int said, int heard)
    {
        using ProxyBed bed = Bed(clientV6, serverV6);
        _ = bed.ToServer(bed.OfClient(Isn, flags: Segment.Syn));
        Segment syn = bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack) with { Options = [2, 4, (byte)(said >> 8), (byte)said] })!;
        Assert.Equal(heard, (syn.Options[2] << 8) | syn.Options[3]);
        Same(bed, bed.OfClient(First, ServerFirst, data: new byte[heard]), bed.Option);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void WhatDoesNotFitWithTheOptionIsRefusedWithTheSizeThatDoes(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Opened(clientV6, serverV6);
        int pathBytes = ProxyBed.FittingBytes(clientV6, serverV6), fitting = pathBytes - bed.Option.Length, headers = (clientV6 ? 40 : 20) + 20;
        byte[] sent = (bed.OfClient(First, ServerFirst, data: new byte[fitting - headers - 12 + 1]) with { Options = Padded([254, 3, 1]).Concat(new byte[8]).ToArray() }).ToPacket();
        Assert.Null(bed.FromClient(sent));
        Assert.Equal((Verdict.Refuse, DropReason.TooBig, (uint)fitting), (bed.Rig.Burst->VerdictOf(0), bed.Reason, bed.Rig.Burst->NextHop[0]));
        Assert.Equal(sent, bed.Rig.Frame(0)[14..].ToArray()); // as it came, for the error that quotes it
        Same(bed, bed.OfClient(First, ServerFirst, data: new byte[fitting - headers]), bed.Option);
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5));
        Same(bed, bed.OfClient(First, ServerFirst, data: new byte[pathBytes - headers]));
    }

    [Fact]
    public void AFragmentHasNoRoomForTheOption()
    {
        using ProxyBed bed = Opened();
        byte[] fragment = (bed.OfClient(First, ServerFirst, data: new byte[24]) with { Options = [254, 4, 1, 2] }).ToPacket();
        fragment[6] = 0x20;
        fragment = Ip.Finish4(fragment);
        Assert.Null(bed.FromClient(fragment));
        Assert.Equal(DropReason.FragmentClientAddress, bed.Reason);
        Same(bed, bed.OfClient(First, ServerFirst), bed.Option);
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5));
        Assert.Equal([1, 1, 1, 1], bed.FromClient(fragment)!.AsSpan(40, 4).ToArray());
    }

    [Fact]
    public void AFlowKeepsHowItBegan()
    {
        using ProxyBed bed = Opened();
        bed.Set(ClientAddressMode.None);
        Same(bed, bed.OfClient(First, ServerFirst), bed.Option);
        bed.Set(ClientAddressMode.ProxyV2);
        Same(bed, bed.OfClient(First, ServerFirst, data: s_hello), bed.Option);
        Assert.Equal(First + 5, bed.ToClient(bed.OfServer(ServerFirst, First + 5))!.Acknowledgment);
        Same(bed, bed.OfClient(First + 5, ServerFirst, data: s_hello) with { Options = [254, 4, 1, 2] }, [1, 1, 1, 1]);

        // Its next connection is as the service has it now.
        _ = bed.ToServer(bed.OfClient(First + 5, flags: Segment.Rst));
        bed.Open(77, 99);
        Assert.Equal(bed.Header, bed.ToServer(bed.OfClient(78, 100))!.Data);
        bed.Set(ClientAddressMode.Toa);
        Assert.Equal([.. bed.Header, .. s_hello], bed.ToServer(bed.OfClient(78, 100, data: s_hello))!.Data);
    }

    /// <summary>What does not begin with a SYN gets no option, and brings none along.</summary>
    [Fact]
    public void WithoutASynThereIsNone()
    {
        using ProxyBed bed = Bed();
        Same(bed, bed.OfClient(First, ServerFirst, data: s_hello) with { Options = [254, 4, 1, 2] }, [1, 1, 1, 1]);
        _ = bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack) with { Options = s_size });
        Same(bed, bed.OfClient(First, ServerFirst));
        Same(bed, bed.OfClient(Isn, flags: Segment.Syn), bed.Option);
        Same(bed, bed.OfClient(First, ServerFirst), bed.Option);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void AnErrorQuotesTheClientsOwnNumber(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Opened(clientV6, serverV6);
        byte[] packet = bed.FromClient(bed.OfClient(First, ServerFirst, data: s_hello).ToPacket())!;
        Assert.Equal(First, bed.QuotedToClient(packet));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5));
        Assert.Equal(First, bed.QuotedToClient(packet));
    }

    /// <summary>A segment gets to the server with these options, and nothing else of it changes.</summary>
    private static void Same(ProxyBed bed, Segment sent, params byte[][] options)
    {
        Segment got = bed.ToServer(sent)!;
        Assert.Equal((sent.Sequence, Convert.ToHexString(sent.Data), Convert.ToHexString([.. options.SelectMany(o => o)])), (got.Sequence, Convert.ToHexString(got.Data), Convert.ToHexString(got.Options)));
    }

    private static byte[] Padded(byte[] options) => [.. options, .. new byte[(4 - (options.Length % 4)) % 4]];
}
