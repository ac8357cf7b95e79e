namespace Forwarder.Interop.Tests;

/// <summary>One SCTP association of a check's client with a service of a bed.</summary>
public sealed class ReferenceAssociation(ReferenceBed bed, int servicePort)
{
    private string _server = "";

    public int ClientPort { get; } = bed.NewClientPort();

    /// <summary>The client sends a chunk; what becomes of it.</summary>
    public string Send(SctpChunk chunk)
    {
        string seen = bed.Send(Packet.SctpPacket(bed.Client, ClientPort, bed.Vip, servicePort, chunk), Belongs);
        _server = seen.StartsWith("rs", StringComparison.Ordinal) ? seen : _server;
        return seen;
    }

    /// <summary>Its server, behind NAT, sends a chunk; what becomes of it.</summary>
    public string Reply(SctpChunk chunk, int serverPort) =>
        bed.SendFromServer(_server == "rs7" ? 0 : 1, Packet.SctpPacket(bed.Address(_server), serverPort, bed.Client, ClientPort, chunk), Belongs);

    private bool Belongs(byte[] packet) => Packet.Protocol(packet) == Packet.Sctp
        ? Packet.SourcePort(packet) == ClientPort || Packet.DestinationPort(packet) == ClientPort
        : Packet.IsError(packet) && Packet.SourcePort(Packet.Quoted(packet)) == ClientPort;
}
