namespace Forwarder.Interop.Tests;

/// <summary>Types of SCTP chunks (RFC 9260 section 3.2).</summary>
public enum SctpChunk : byte
{
    Data = 0,
    Init = 1,
    InitAck = 2,
    Abort = 6,
    Shutdown = 7,
    ShutdownAck = 8,
    CookieEcho = 10,
    CookieAck = 11,
    ShutdownComplete = 14,
}
