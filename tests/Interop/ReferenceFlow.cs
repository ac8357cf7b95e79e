namespace Forwarder.Interop.Tests;

/// <summary>One TCP flow of a check's client to a service of a bed.</summary>
public sealed class ReferenceFlow(ReferenceBed bed, int servicePort)
{
    public int ClientPort { get; } = bed.NewClientPort();

    /// <summary>Where its last packet came out.</summary>
    public string Last { get; private set; } = "";

    /// <summary>Sends a segment; what becomes of it.</summary>
    public string Send(byte flags, byte ttl = 64, int payloadBytes = 0) =>
        Last = bed.Send(Packet.TcpSegment(bed.Client, ClientPort, bed.Vip, servicePort, flags, ttl, payloadBytes), Belongs);

    /// <summary>Sends a segment with 1,500 bytes.</summary>
    public string SendFull() => Send(Packet.Ack, payloadBytes: bed.IsV6 ? 1_440 : 1_460);

    /// <summary>SYN and ACK; returns the server's name.</summary>
    public string Open()
    {
        string server = Send(Packet.Syn);
        string again = Send(Packet.Ack);
        return server == again ? server : throw new InvalidOperationException($"{bed.Name}: SYN: {server}, ACK: {again}");
    }

    /// <summary>Sends a segment: "its server", "another server", or what else becomes of it.</summary>
    public string SendAgain(byte flags, string server) => Send(flags) is string now && now == server ? "its server" : Last.StartsWith("rs", StringComparison.Ordinal) ? "another server" : Last;

    private bool Belongs(byte[] packet) => Packet.Protocol(packet) == Packet.Tcp
        ? Packet.SourcePort(packet) == ClientPort || Packet.DestinationPort(packet) == ClientPort
        : Packet.IsError(packet) && Packet.SourcePort(Packet.Quoted(packet)) == ClientPort;
}
