using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>
/// What an SCTP packet means for its flow, by its first chunk. In the place of TCP's flags in <see cref="Burst.TcpFlags"/>,
/// so the numbers have no other bits than <see cref="FlowStates.FlagMask"/>.
/// </summary>
public static unsafe class SctpEvent
{
    /// <summary>DATA, SACK, HEARTBEAT and all that says nothing about the association; then by the chunk's name.</summary>
    public const byte Data = 0, Init = 1, InitAck = 2, CookieEcho = 3, CookieAck = 4, Shutdown = 5, ShutdownAck = 6, ShutdownComplete = 7, Error = 0x10, Abort = 0x11;

    /// <summary>Types of chunks (RFC 9260 section 3.2).</summary>
    public const byte InitChunk = 1, InitAckChunk = 2, AbortChunk = 6, ShutdownChunk = 7, ShutdownAckChunk = 8, ErrorChunk = 9, CookieEchoChunk = 10, CookieAckChunk = 11, ShutdownCompleteChunk = 14;

    /// <summary>Of a packet that has a whole chunk header.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static byte Of(byte* sctp, uint bytes)
    {
        byte* chunk = sctp + Wire.SctpHeaderBytes;
        byte type = chunk[0];
        if (type is CookieEchoChunk or CookieAckChunk)
        {
            // An ABORT comes last in its packet (RFC 9260 section 3.3.7), and may come right after one of these.
            uint chunkBytes = Wire.Swap(*(ushort*)(chunk + 2)), next = Wire.SctpHeaderBytes + ((chunkBytes + 3) & ~3u);
            type = chunkBytes >= Wire.SctpChunkBytes && next + Wire.SctpChunkBytes <= bytes && sctp[next] == AbortChunk ? AbortChunk : type;
        }

        return type switch
        {
            InitChunk => Init,
            InitAckChunk => InitAck,
            AbortChunk => Abort,
            ShutdownChunk => Shutdown,
            ShutdownAckChunk => ShutdownAck,
            ErrorChunk => Error,
            CookieEchoChunk => CookieEcho,
            CookieAckChunk => CookieAck,
            ShutdownCompleteChunk => ShutdownComplete,
            _ => Data,
        };
    }
}
