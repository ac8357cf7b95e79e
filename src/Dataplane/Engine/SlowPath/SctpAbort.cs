using System.Buffers.Binary;

namespace Forwarder.Engine;

/// <summary>What a host answers to an SCTP packet of no association (RFC 9260 section 8.4): ABORT, or SHUTDOWN COMPLETE.</summary>
internal static unsafe class SctpAbort
{
    private const int VerificationTagOffset = 4, InitiateTagOffset = Wire.SctpBytes, InitBytes = Wire.SctpBytes + 16;

    /// <summary>The T bit: the verification tag is that of the packet that is answered (RFC 9260 section 3.3.7).</summary>
    private const byte TagReflected = 1;

    /// <summary>Whether a packet gets one: its CRC32c must be right; an ABORT, SHUTDOWN COMPLETE, COOKIE ACK or ERROR gets none.</summary>
    public static bool IsOwed(byte* sctp, int bytes)
    {
        bool isAnswered = sctp[Wire.SctpHeaderBytes] switch
        {
            SctpEvent.InitChunk => bytes >= InitBytes && *(uint*)(sctp + VerificationTagOffset) == 0,   // section 8.5.1
            SctpEvent.AbortChunk or SctpEvent.ShutdownCompleteChunk or SctpEvent.CookieAckChunk or SctpEvent.ErrorChunk => false,
            _ => true,
        };
        return isAnswered && SctpEvent.Of(sctp, (uint)bytes) != SctpEvent.Abort && Crc32c.Of(sctp, bytes) == *(uint*)(sctp + Wire.SctpChecksumOffset);
    }

    /// <summary>Writes it, from the packet's receiver to its sender; returns its bytes from the IP header on. Parameters as those of <see cref="TcpReset.Make"/>.</summary>
    public static int Make(byte* to, byte* ip, byte* sctp)
    {
        bool v4 = (ip[0] >> 4) == 4;
        byte* answer = v4
            ? IpHeader.Write4(to, Wire.SctpBytes, Wire.Sctp, *(uint*)(ip + 16), *(uint*)(ip + 12))
            : IpHeader.Write6(to, Wire.SctpBytes, Wire.Sctp, *(ulong*)(ip + 24), *(ulong*)(ip + 32), *(ulong*)(ip + 8), *(ulong*)(ip + 16));
        byte type = sctp[Wire.SctpHeaderBytes];
        bool isInit = type == SctpEvent.InitChunk;
        *(ushort*)answer = *(ushort*)(sctp + 2);
        *(ushort*)(answer + 2) = *(ushort*)sctp;
        *(uint*)(answer + VerificationTagOffset) = *(uint*)(sctp + (isInit ? InitiateTagOffset : VerificationTagOffset));
        byte* chunk = answer + Wire.SctpHeaderBytes;
        chunk[0] = type == SctpEvent.ShutdownAckChunk ? SctpEvent.ShutdownCompleteChunk : SctpEvent.AbortChunk;
        chunk[1] = isInit ? (byte)0 : TagReflected;
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(chunk + 2, sizeof(ushort)), Wire.SctpChunkBytes);
        *(uint*)(answer + Wire.SctpChecksumOffset) = Crc32c.Of(answer, Wire.SctpBytes);
        return (int)(answer - to) + Wire.SctpBytes;
    }
}
