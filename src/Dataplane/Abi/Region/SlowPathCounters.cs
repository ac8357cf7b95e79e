using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What housekeeping's slow path did; single writer.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SlowPathCounters
{
    /// <summary>Frames that workers handed over.</summary>
    public ulong Frames;
    /// <summary>ARP requests answered, sent, and ARP replies heard.</summary>
    public ulong ArpAnswered, ArpSent, ArpHeard;
    /// <summary>Neighbour solicitations answered and sent, and advertisements heard (RFC 4861).</summary>
    public ulong NdAnswered, NdSent, NdHeard;
    /// <summary>ICMP and ICMPv6 echo requests answered.</summary>
    public ulong EchoAnswered;
    /// <summary>Packets queued for a neighbour, and those sent when it answered.</summary>
    public ulong QueuedForNeighbour, SentFromQueue;
    /// <summary>Frames to and from the host's kernel by the exception port.</summary>
    public ulong ToHost, FromHost;
    /// <summary>ICMP and ICMPv6 errors and TCP resets sent to senders of packets that were dropped, and those held back by the rate limit.</summary>
    public ulong ErrorsSent, ErrorsSuppressed;
}
