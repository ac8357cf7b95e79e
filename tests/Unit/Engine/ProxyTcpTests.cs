using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>The PROXY protocol's header in a client's TCP stream, segment by segment; <see cref="ProxyExchangeTests"/> has whole connections.</summary>
public sealed unsafe class ProxyTcpTests
{
    private const uint ServerFirst = 5_001;
    private static readonly uint Isn = 0xFFFF_FFF0, First = Isn + 1; // numbers wrap within the header
    private static readonly byte[] s_hello = "hello"u8.ToArray();

    public static TheoryData<bool, bool> Families => new() { { false, false }, { true, true }, { true, false } };

    private static ProxyBed Opened(bool clientV6 = false, bool serverV6 = false)
    {
        ProxyBed bed = new(clientV6, serverV6);
        bed.Open(Isn, ServerFirst - 1);
        return bed;
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void TheHandshakesAckCarriesTheHeaderAndAllNumbersFollow(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Opened(clientV6, serverV6);
        Segment ack = bed.ToServer(bed.OfClient(First, ServerFirst))!;
        Assert.Equal((First, Convert.ToHexString(bed.Header)), (ack.Sequence, Convert.ToHexString(ack.Data)));
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes, data: s_hello))!.Acknowledgment);
        Segment data = bed.ToServer(bed.OfClient(First, ServerFirst + 5, Segment.Ack | Segment.Psh, s_hello))!;
        Assert.Equal((First + bed.HeaderBytes, "hello"), (data.Sequence, System.Text.Encoding.ASCII.GetString(data.Data)));
        Assert.Equal(First + 5, bed.ToClient(bed.OfServer(ServerFirst + 5, First + bed.HeaderBytes + 5))!.Acknowledgment);
        Assert.Equal(First + bed.HeaderBytes + 5, bed.ToServer(bed.OfClient(First + 5, ServerFirst + 5, Segment.Fin | Segment.Ack))!.Sequence);
        Assert.Equal(First + 6, bed.ToClient(bed.OfServer(ServerFirst + 5, First + bed.HeaderBytes + 6, Segment.Fin | Segment.Ack))!.Acknowledgment);
        Assert.Equal(First + 6 + bed.HeaderBytes, bed.ToServer(bed.OfClient(First + 6, ServerFirst + 6))!.Sequence);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void UntilItIsAcknowledgedWhatBeginsAtTheFirstByteCarriesIt(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Opened(clientV6, serverV6);
        byte[] both = [.. bed.Header, .. s_hello];
        _ = bed.ToServer(bed.OfClient(First, ServerFirst));
        Segment data = bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello) with { Options = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8] })!;
        Assert.Equal((First, Convert.ToHexString(both)), (data.Sequence, Convert.ToHexString(data.Data)));
        Assert.Equal(First + 5 + bed.HeaderBytes, bed.ToServer(bed.OfClient(First + 5, ServerFirst, data: s_hello))!.Sequence);

        // The server has none of it, or a part of the header: the client hears of its first byte, and sends it again.
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst, First))!.Acknowledgment);
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst, First + 7))!.Acknowledgment);
        Assert.Equal(both, bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello))!.Data);
        Assert.Equal(First + 2, bed.ToClient(bed.OfServer(ServerFirst, First + 2 + bed.HeaderBytes))!.Acknowledgment);
        Assert.Equal((First + bed.HeaderBytes, 5), (bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello))!.Sequence, 5));
    }

    /// <summary>After 4 GB the header's numbers are used again: what lies there is data.</summary>
    [Fact]
    public void NumbersMayComeRound()
    {
        using ProxyBed bed = Opened();
        _ = bed.ToServer(bed.OfClient(First, ServerFirst));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        Assert.Equal(First, bed.ToClient(bed.OfServer(ServerFirst, First + 3))!.Acknowledgment); // late
        for (uint n = 1; n <= 16; n++)
        {
            Assert.Equal(First - bed.HeaderBytes + (n << 28), bed.ToClient(bed.OfServer(ServerFirst, First + (n << 28)))!.Acknowledgment);
            Assert.Equal(First + bed.HeaderBytes + (n << 28), bed.ToServer(bed.OfClient(First + (n << 28), ServerFirst, data: s_hello))!.Sequence);
        }

        Assert.Equal(First + 3 - bed.HeaderBytes, bed.ToClient(bed.OfServer(ServerFirst, First + 3))!.Acknowledgment);
        Assert.Equal(First + 3 - bed.HeaderBytes, bed.QuotedToClient(Packet(bed, bed.OfClient(First + 3 - bed.HeaderBytes, ServerFirst, data: s_hello))));
    }

    [Fact]
    public void SackBlocksOfTheServerAreOfTheClientsNumbersAndItsOwnStay()
    {
        using ProxyBed bed = Opened();
        _ = bed.ToServer(bed.OfClient(First, ServerFirst));
        foreach (byte[] before in (byte[][])[[1, 1], [8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1], [1, 254, 3, 9, 1, 1], [254, 3, 9]])   // the last ones put the blocks at odd places
        {
            byte[] sack = Sack(First + 100, First + 200, First + 300, First + 0x20000), lowered = Sack(First + 100 - bed.HeaderBytes, First + 200 - bed.HeaderBytes, First + 300 - bed.HeaderBytes, First + 0x20000 - bed.HeaderBytes);
            Segment got = bed.ToClient(bed.OfServer(ServerFirst, First) with { Options = Padded([.. before, .. sack]) })!;
            Assert.Equal((First, Convert.ToHexString(Padded([.. before, .. lowered]))), (got.Acknowledgment, Convert.ToHexString(got.Options)));
        }

        byte[] own = Padded(Sack(ServerFirst + 1, ServerFirst + 9));
        Assert.Equal(own, bed.ToServer(bed.OfClient(First, ServerFirst) with { Options = own })!.Options);
    }

    [Theory]
    [InlineData("05")]
    [InlineData("0101050A")]
    [InlineData("05000000")]
    [InlineData("05FF0000")]
    [InlineData("0105040000000000")]
    [InlineData("00050A0102030405")]
    public void OptionsThatAreNoneStayAsTheyAre(string options)
    {
        using ProxyBed bed = Opened();
        byte[] odd = Padded(Convert.FromHexString(options));
        Assert.Equal(odd, bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes) with { Options = odd })!.Options);
    }

    [Theory]
    [InlineData(false, false, 1_460, 1_432)]
    [InlineData(false, false, 8_960, 1_432)]
    [InlineData(false, false, 536, 508)]
    [InlineData(true, true, 8_940, 1_388)]
    [InlineData(true, false, 1_460, 1_408)]
    public void TheServersSegmentSizeLeavesRoomForTheHeader(bool clientV6, bool serverV6, int said, int heard)
    {
        using ProxyBed bed = new(clientV6, serverV6);
        _ = bed.ToServer(bed.OfClient(Isn, flags: Segment.Syn));
        foreach (byte[] before in (byte[][])[[], [1]])
        {
            byte[] options = Padded([.. before, 2, 4, (byte)(said >> 8), (byte)said]), expected = Padded([.. before, 2, 4, (byte)(heard >> 8), (byte)heard]);
            Assert.Equal(expected, bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack) with { Options = options })!.Options);
        }

        byte[] full = new byte[heard];
        Assert.Equal(heard + bed.Header.Length, bed.ToServer(bed.OfClient(First, ServerFirst, data: full))!.Data.Length);
    }

    [Fact]
    public void WhatDoesNotFitWithTheHeaderIsRefusedWithTheSizeThatDoes()
    {
        using ProxyBed bed = Opened();
        int fitting = ProxyBed.ServerMtuBytes - 28;
        Assert.Null(bed.ToServer(bed.OfClient(First, ServerFirst, data: new byte[fitting - 40 + 1])));
        Assert.Equal((Verdict.Refuse, DropReason.TooBig, (uint)fitting), (bed.Rig.Burst->VerdictOf(0), bed.Reason, bed.Rig.Burst->NextHop[0]));
        Assert.Equal(fitting - 12, bed.ToServer(bed.OfClient(First, ServerFirst, data: new byte[fitting - 40]))!.Data.Length);
        Assert.Equal(1_460, bed.ToServer(bed.OfClient(First + 1_432, ServerFirst, data: new byte[1_460]))!.Data.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(90)]
    public void AKeepAliveGivesWayToTheHeaderAndAClientCannotWriteOne(int bytes)
    {
        using ProxyBed bed = Opened();
        Segment got = bed.ToServer(bed.OfClient(First - 1, ServerFirst, data: new byte[bytes]))!;
        Assert.Equal((First, Convert.ToHexString(bed.Header)), (got.Sequence, Convert.ToHexString(got.Data)));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        Assert.Equal(First - 1 + bed.HeaderBytes, bed.ToServer(bed.OfClient(First - 1, ServerFirst))!.Sequence);
    }

    /// <summary>Two SYNs: the server has answered to the first one, whatever the client says after that.</summary>
    [Fact]
    public void WhereTheHeaderBelongsTheServerSays()
    {
        using ProxyBed bed = Opened();
        Assert.Equal(Isn - 500, bed.ToServer(bed.OfClient(Isn - 500, flags: Segment.Syn))!.Sequence);
        Segment got = bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello))!;
        Assert.Equal((First, bed.Header.Length + 5), (got.Sequence, got.Data.Length));

        // The server has died and come back: a new connection in the same flow.
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + 5 + bed.HeaderBytes));
        _ = bed.ToServer(bed.OfClient(9_000, flags: Segment.Syn));
        Assert.Equal(9_001u, bed.ToClient(bed.OfServer(70_000, 9_001, Segment.Syn | Segment.Ack))!.Acknowledgment);
        Assert.Equal((9_001u, bed.Header.Length), (bed.ToServer(bed.OfClient(9_001, 70_001))!.Sequence, bed.Header.Length));

        // The same number again: the server has forgotten the connection, and the client cannot write a header in its place.
        _ = bed.ToClient(bed.OfServer(70_001, 9_001 + bed.HeaderBytes));
        _ = bed.ToServer(bed.OfClient(9_000, flags: Segment.Syn));
        Assert.Equal(9_001u, bed.ToClient(bed.OfServer(90_000, 9_001, Segment.Syn | Segment.Ack))!.Acknowledgment);
        Segment again = bed.ToServer(bed.OfClient(9_001, 90_001, data: s_hello))!;
        Assert.Equal((9_001u, Convert.ToHexString([.. bed.Header, .. s_hello])), (again.Sequence, Convert.ToHexString(again.Data)));

        // Or the SYN was late: what comes twice does no harm, and what comes after the first byte stays where it is.
        _ = bed.ToClient(bed.OfServer(90_001, 9_001 + bed.HeaderBytes + 5));
        _ = bed.ToClient(bed.OfServer(90_000, 9_001, Segment.Syn | Segment.Ack));
        Assert.Equal(9_006 + bed.HeaderBytes, bed.ToServer(bed.OfClient(9_006, 90_001, data: s_hello))!.Sequence);
        Assert.Equal(9_006u, bed.ToClient(bed.OfServer(90_001, 9_001 + bed.HeaderBytes + 5))!.Acknowledgment);
    }

    [Fact]
    public void DataInASynIsTakenOff()
    {
        foreach (int bytes in (int[])[1, 2, 5, 900])
        {
            using ProxyBed bed = new(clientV6: false, serverV6: false);
            byte[] data = new byte[bytes];
            Random.Shared.NextBytes(data);
            Segment syn = bed.ToServer(bed.OfClient(Isn, flags: Segment.Syn, data: data) with { Options = [34, 4, 1, 2] })!;
            Assert.Equal((Isn, 0), (syn.Sequence, syn.Data.Length));
        }
    }

    [Fact]
    public void AResetHasTheNumberThatTheServerWaitsFor()
    {
        using ProxyBed unsent = Opened(), sent = Opened(), lost = Opened(), received = Opened();
        Assert.Equal(First, unsent.ToServer(unsent.OfClient(First, flags: Segment.Rst))!.Sequence);
        _ = sent.ToServer(sent.OfClient(First, ServerFirst));
        Segment reset = sent.ToServer(sent.OfClient(First, flags: Segment.Rst))!;
        Assert.Equal((First + sent.HeaderBytes, 0), (reset.Sequence, reset.Data.Length));
        _ = lost.ToServer(lost.OfClient(First, ServerFirst));
        _ = lost.ToClient(lost.OfServer(ServerFirst, First));
        Assert.Equal(First, lost.ToServer(lost.OfClient(First, flags: Segment.Rst))!.Sequence);
        _ = received.ToServer(received.OfClient(First, ServerFirst));
        _ = received.ToClient(received.OfServer(ServerFirst, First + received.HeaderBytes));
        Assert.Equal(First + received.HeaderBytes, received.ToServer(received.OfClient(First, flags: Segment.Rst))!.Sequence);
        Assert.Equal(First + 3, received.ToClient(received.OfServer(ServerFirst, First + 3 + received.HeaderBytes, Segment.Rst | Segment.Ack))!.Acknowledgment);
    }

    [Fact]
    public void ARefusalOfTheServerIsAboutTheClientsSyn()
    {
        using ProxyBed bed = new(clientV6: false, serverV6: false);
        _ = bed.ToServer(bed.OfClient(Isn, flags: Segment.Syn));
        Assert.Equal(First, bed.ToClient(bed.OfServer(0, First, Segment.Rst | Segment.Ack))!.Acknowledgment);
    }

    [Fact]
    public void TheUrgentPointerCountsTheHeader()
    {
        using ProxyBed bed = Opened();
        Assert.Equal(3 + 28, bed.ToServer(bed.OfClient(First, ServerFirst, Segment.Ack | Segment.Urg, s_hello) with { Urgent = 3 })!.Urgent);
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        Assert.Equal(3, bed.ToServer(bed.OfClient(First, ServerFirst, Segment.Ack | Segment.Urg, s_hello) with { Urgent = 3 })!.Urgent);
    }

    /// <summary>What does not begin with a SYN, and a flow that began without the setting, have no header.</summary>
    [Fact]
    public void AFlowKeepsHowItBegan()
    {
        using ProxyBed bed = new(clientV6: false, serverV6: false);
        Assert.Equal((First, 5), (bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello))!.Sequence, 5));
        Assert.Equal(First + 5, bed.ToClient(bed.OfServer(ServerFirst, First + 5))!.Acknowledgment);

        // A SYN on it is no way round the header.
        _ = bed.ToServer(bed.OfClient(Isn, flags: Segment.Syn));
        _ = bed.ToClient(bed.OfServer(ServerFirst - 1, First, Segment.Syn | Segment.Ack));
        Assert.Equal(bed.Header.Length, bed.ToServer(bed.OfClient(First, ServerFirst))!.Data.Length);

        bed.Set(ClientAddressMode.None);
        Assert.Equal(bed.Header.Length + 5, bed.ToServer(bed.OfClient(First, ServerFirst, data: s_hello))!.Data.Length);
        Assert.Equal(First + 5, bed.ToClient(bed.OfServer(ServerFirst, First + 5 + bed.HeaderBytes))!.Acknowledgment);
    }

    [Fact]
    public void ANewFlowOfTheSamePortBeginsAnew()
    {
        using ProxyBed bed = Opened();
        _ = bed.ToServer(bed.OfClient(First, ServerFirst));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        _ = bed.ToServer(bed.OfClient(First, flags: Segment.Rst));
        bed.Open(77, 99);
        Segment ack = bed.ToServer(bed.OfClient(78, 100))!;
        Assert.Equal((78u, bed.Header.Length), (ack.Sequence, ack.Data.Length));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void AnErrorQuotesTheClientsOwnNumber(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = Opened(clientV6, serverV6);
        byte[] header = Packet(bed, bed.OfClient(First, ServerFirst));
        byte[] ahead = Packet(bed, bed.OfClient(First + 5, ServerFirst, data: s_hello));
        Assert.Equal(First, bed.QuotedToClient(header));
        Assert.Equal(First + 5, bed.QuotedToClient(ahead));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        Assert.Equal(First, bed.QuotedToClient(header));
        Assert.Equal(First + 100_000, bed.QuotedToClient(Packet(bed, bed.OfClient(First + 100_000, ServerFirst, data: s_hello))));
    }

    [Fact]
    public void AFragmentHasNoRoomForTheHeader()
    {
        using ProxyBed bed = Opened();
        byte[] fragment = bed.OfClient(First, ServerFirst, data: new byte[20]).ToPacket();
        fragment[6] = 0x20;
        fragment = Ip.Finish4(fragment);
        Assert.Null(bed.FromClient(fragment));
        Assert.Equal(DropReason.FragmentClientAddress, bed.Reason);
        _ = bed.ToServer(bed.OfClient(First, ServerFirst));
        _ = bed.ToClient(bed.OfServer(ServerFirst, First + bed.HeaderBytes));
        Assert.NotNull(bed.FromClient(fragment));
    }

    private static byte[] Packet(ProxyBed bed, Segment segment) => bed.FromClient(segment.ToPacket())!;

    private static byte[] Sack(params uint[] edges)
    {
        byte[] option = new byte[2 + (4 * edges.Length)];
        (option[0], option[1]) = (5, (byte)option.Length);
        for (int i = 0; i < edges.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(2 + (4 * i)), edges[i]);
        }

        return option;
    }

    private static byte[] Padded(byte[] options) => [.. options, .. new byte[(4 - (options.Length % 4)) % 4]];
}
