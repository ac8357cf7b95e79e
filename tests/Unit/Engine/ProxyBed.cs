using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>A service whose FullNAT server gets the client's address, by the PROXY protocol's header unless set otherwise, a client and the server: IPv4, IPv6 or NAT64.</summary>
internal sealed unsafe class ProxyBed : IDisposable
{
    public const int ServerMtuBytes = 1_500;
    private const ulong OwnMac = 0x010000000002, RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private readonly EngineRig _rig = new(1024, OwnMac, OwnMac + (1UL << 40));
    private bool _optionsChange;

    public ProxyBed(bool clientV6, bool serverV6, byte protocol = Wire.Tcp, ClientAddressMode mode = ClientAddressMode.ProxyV2)
    {
        Client = new IPEndPoint(IPAddress.Parse(clientV6 ? "2001:db8::9" : "192.0.2.9"), 40_000);
        Vip = new IPEndPoint(IPAddress.Parse(clientV6 ? "fd16::100" : "172.16.58.1"), 80);
        Server = new IPEndPoint(IPAddress.Parse(serverV6 ? "fd17::7" : "10.1.0.7"), 8_080);
        Source = IPAddress.Parse(serverV6 ? "fd17::200" : "10.1.0.200");
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "10.1.0.1", ServerMtuBytes);
        content.Interface(1, 0, "192.0.2.1", 1_500);
        content.Service(Vip.Address.ToString(), Vip.Port, protocol, Scheduler.Maglev, 251, (lan, Server.Address.ToString(), 1));
        content.FullNat(1, Server.Port, Source.ToString());
        Content = content.Content;
        Set(mode);
        _rig.ResolveAll(content.Content);
    }

    public SnapshotContent Content { get; }

    public IPEndPoint Client { get; }

    public IPEndPoint Vip { get; }

    public IPEndPoint Server { get; }

    public IPAddress Source { get; }

    /// <summary>The local port, once a packet has reached the server.</summary>
    public IPEndPoint Local { get; private set; } = new(IPAddress.Any, 0);

    public byte[] Header => Segment.ProxyHeader(Client, Vip);

    public uint HeaderBytes => (uint)Header.Length;

    /// <summary>TOA: the option of the client.</summary>
    public byte[] Option => Segment.AddressOption(Client);

    public EngineRig Rig => _rig;

    public DropReason Reason => (DropReason)_rig.Burst->Reason[0];

    public void Dispose() => _rig.Dispose();

    public void Set(ClientAddressMode mode)
    {
        _optionsChange |= mode == ClientAddressMode.Toa;
        Content.Services[1] = Content.Services[1] with { ClientAddress = mode };
        _rig.Publish(Content);
    }

    /// <summary>What the server gets of a client's segment; null if nothing. Everything but what the header changes is checked here.</summary>
    public Segment? ToServer(Segment sent)
    {
        byte[]? packet = FromClient((sent with { Ttl = 64 }).ToPacket());
        if (packet == null)
        {
            return null;
        }

        Segment got = Segment.Of(packet);
        Assert.Equal((Source, Server, sent.Acknowledgment, sent.Flags, 63), (got.From.Address, got.To, got.Acknowledgment, got.Flags, got.Ttl));
        Assert.True(_optionsChange || sent.Options.AsSpan().SequenceEqual(got.Options));
        Local = got.From;
        return got;
    }

    /// <summary>What the client gets of a segment of the server; null if nothing.</summary>
    public Segment? ToClient(Segment sent)
    {
        byte[]? packet = FromServer((sent with { Ttl = 64 }).ToPacket());
        if (packet == null)
        {
            return null;
        }

        Segment got = Segment.Of(packet);
        Assert.Equal((Vip, Client, sent.Sequence, sent.Flags, 63), (got.From, got.To, got.Sequence, got.Flags, got.Ttl));
        Assert.Equal(sent.Data, got.Data);
        return got;
    }

    public byte[]? FromClient(byte[] ip) => Run(1, Frames.Of(ip, OwnMac + (1UL << 40), RouterMac));

    public byte[]? FromServer(byte[] ip) => Run(0, Frames.Of(ip, OwnMac, ServerMac));

    public Segment OfClient(uint sequence, uint acknowledgment = 0, byte flags = Segment.Ack, byte[]? data = null) =>
        new(Client, Vip) { Sequence = sequence, Acknowledgment = acknowledgment, Flags = flags, Data = data ?? [] };

    public Segment OfServer(uint sequence, uint acknowledgment, byte flags = Segment.Ack, byte[]? data = null) =>
        new(Server, Local) { Sequence = sequence, Acknowledgment = acknowledgment, Flags = flags, Data = data ?? [] };

    /// <summary>SYN and SYN-ACK; the client's and the server's first numbers are these, plus 1.</summary>
    public void Open(uint client, uint server)
    {
        Assert.Equal(client, ToServer(OfClient(client, flags: Segment.Syn))!.Sequence);
        Assert.Equal(client + 1, ToClient(OfServer(server, client + 1, Segment.Syn | Segment.Ack))!.Acknowledgment);
    }

    /// <summary>Largest packet of a client that fits the server's link as it is.</summary>
    public static int FittingBytes(bool clientV6, bool serverV6) => clientV6 == serverV6 ? ServerMtuBytes : ServerMtuBytes + 20;

    /// <summary>Sequence number that the client sees in an error of the server's host (no route to host) about a packet.</summary>
    public uint QuotedToClient(byte[] packet)
    {
        bool serverV6 = Server.AddressFamily == AddressFamily.InterNetworkV6, clientV6 = Client.AddressFamily == AddressFamily.InterNetworkV6;
        string from = Server.Address.ToString(), to = Source.ToString();
        byte[] icmp = [serverV6 ? (byte)1 : (byte)3, serverV6 ? (byte)3 : (byte)1, 0, 0, 0, 0, 0, 0, .. packet];
        byte[] error = FromServer(Ip.Finish(serverV6 ? Ip.V6(from, to, 58, icmp) : Ip.V4(from, to, 1, icmp)))!;
        Assert.Equal(error, Ip.Finish([.. error]));
        return BinaryPrimitives.ReadUInt32BigEndian(error.AsSpan(clientV6 ? 40 + 8 + 40 + 4 : 20 + 8 + 20 + 4));
    }

    private byte[]? Run(int port, byte[] frame)
    {
        _rig.Run(port, frame);
        return _rig.Burst->VerdictOf(0) == Verdict.Forward ? _rig.Frame(0)[14..].ToArray() : null;
    }
}
