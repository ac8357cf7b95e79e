using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>The PROXY protocol's header before datagrams.</summary>
public sealed unsafe class ProxyUdpTests
{
    private static byte[] Header(ProxyBed bed) => Segment.ProxyHeader(bed.Client, bed.Vip, transport: 2);

    private static byte[] FromClient(ProxyBed bed, byte[] payload) => Ip.Packet(Wire.Udp, bed.Client.Address.ToString(), bed.Client.Port, bed.Vip.Address.ToString(), bed.Vip.Port, payload);

    private static byte[] ToServer(ProxyBed bed, int local, byte[] payload) => Ip.Packet(Wire.Udp, bed.Source.ToString(), local, bed.Server.Address.ToString(), bed.Server.Port, payload, ttl: 63);

    /// <summary>Each payload brings another checksum: 0 and 0xFFFF come by.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void EachDatagramHasItAndAnswersHaveNone(bool clientV6, bool serverV6)
    {
        using ProxyBed bed = new(clientV6, serverV6, Wire.Udp);
        int at = serverV6 ? 40 : 20, back = clientV6 ? 40 : 20;
        for (int value = 0; value < 0x10000; value++)
        {
            byte[] payload = [(byte)(value >> 8), (byte)value, .. new byte[value % 3]];
            byte[] got = bed.FromClient(FromClient(bed, payload))!;
            int local = BinaryPrimitives.ReadUInt16BigEndian(got.AsSpan(at));
            byte[] expected = ToServer(bed, local, [.. Header(bed), .. payload]);
            Assert.True(got.AsSpan(at).SequenceEqual(expected.AsSpan(at)), $"payload {value:x4}");
            Assert.Equal(got, Ip.Finish([.. got]));
            byte[] answer = Ip.Packet(Wire.Udp, bed.Server.Address.ToString(), bed.Server.Port, bed.Source.ToString(), local, payload);
            byte[] heard = Ip.Packet(Wire.Udp, bed.Vip.Address.ToString(), bed.Vip.Port, bed.Client.Address.ToString(), bed.Client.Port, payload);
            Assert.True(bed.FromServer(answer)!.AsSpan(back).SequenceEqual(heard.AsSpan(back)), $"answer {value:x4}");
        }
    }

    [Fact]
    public void ADatagramWithoutChecksumStaysSo()
    {
        using ProxyBed bed = new(clientV6: false, serverV6: false, Wire.Udp);
        byte[] sent = FromClient(bed, [1, 2, 3]);
        sent.AsSpan(26, 2).Clear();
        byte[] got = bed.FromClient(sent)!;
        Assert.Equal((0, 8 + 28 + 3, 20 + 8 + 28 + 3), (BinaryPrimitives.ReadUInt16BigEndian(got.AsSpan(26)), BinaryPrimitives.ReadUInt16BigEndian(got.AsSpan(24)), got.Length));
    }

    [Theory]
    [InlineData(false, false, 28)]
    [InlineData(true, true, 52)]
    [InlineData(true, false, 32)]
    public void WhatDoesNotFitIsRefusedWithTheSizeThatDoes(bool clientV6, bool serverV6, int takenBytes)
    {
        using ProxyBed bed = new(clientV6, serverV6, Wire.Udp);
        int fitting = ProxyBed.ServerMtuBytes - takenBytes, payload = fitting - (clientV6 ? 48 : 28);
        Assert.Null(bed.FromClient(FromClient(bed, new byte[payload + 1])));
        Assert.Equal((Verdict.Refuse, DropReason.TooBig, (uint)fitting), (bed.Rig.Burst->VerdictOf(0), bed.Reason, bed.Rig.Burst->NextHop[0]));
        Assert.Equal(ProxyBed.ServerMtuBytes, bed.FromClient(FromClient(bed, new byte[payload]))!.Length);
    }

    [Fact]
    public void AFragmentHasNoRoomForIt()
    {
        using ProxyBed bed = new(clientV6: false, serverV6: false, Wire.Udp);
        byte[] fragment = FromClient(bed, new byte[24]);
        fragment[6] = 0x20;
        Assert.Null(bed.FromClient(Ip.Finish4(fragment)));
        Assert.Equal(DropReason.FragmentClientAddress, bed.Reason);
    }

    [Fact]
    public void TheSettingCountsForEachDatagram()
    {
        using ProxyBed bed = new(clientV6: false, serverV6: false, Wire.Udp);
        Assert.Equal(20 + 8 + 28 + 5, bed.FromClient(FromClient(bed, new byte[5]))!.Length);
        bed.Set(ClientAddressMode.None);
        Assert.Equal(20 + 8 + 5, bed.FromClient(FromClient(bed, new byte[5]))!.Length);
    }
}
