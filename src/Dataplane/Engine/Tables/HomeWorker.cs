using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The worker where a two-way flow lives, whichever worker its packets arrive at. With FullNAT on ports that spread packets in a
/// known way: where the client's packets arrive, and the local port brings the answers there, too. Else it is chosen by the
/// client's address and port, which both directions of NAT carry; independent of the flow hash, whose upper bits are the
/// bucket: each home uses its whole table.
/// </summary>
internal static unsafe class HomeWorker
{
    /// <summary>Of a packet of an IPv4 client to a service, or an error about one to the client; of a flow key, the client's half counts.</summary>
    public static uint OfRequest4(EngineState* state, uint service, ulong key)
    {
        ServiceEntry* entry = state->View.Services + service;
        return IsSteered(state, entry) ? Steered(state, entry, (uint)key, (ushort)(key >> 32)) : Of4(state, key);
    }

    /// <summary>As well, of an IPv6 client.</summary>
    public static uint OfRequest6(EngineState* state, uint service, ulong high, ulong low, ulong rest)
    {
        ServiceEntry* entry = state->View.Services + service;
        return IsSteered(state, entry) ? Steered(state, entry, RssSpread.Words(high, low), (ushort)(rest >> 32)) : Of6(state, high, low, rest);
    }

    private static uint Steered(EngineState* state, ServiceEntry* service, uint clientWords, ushort clientPort)
    {
        uint home = RssSpread.WorkerOfRequest(state, service, clientWords, clientPort);
        state->Block->Counters.RssElsewhere += home != state->WorkerIndex ? 1u : 0;
        return home;
    }

    /// <summary>SCTP is spread by addresses alone; a service that has servers with NAT, too, has one home for all its flows.</summary>
    private static bool IsSteered(EngineState* state, ServiceEntry* service) =>
        state->RssClasses != 0 && service->TwoWay == ServiceEntry.FullNatAlone && service->Protocol != Wire.Sctp;

    /// <summary>Of an IPv4 client; of a flow key, the client's half counts.</summary>
    public static uint Of4(EngineState* state, ulong key) => Reduce(state, Hashes.Mix64(key & 0xFFFF_FFFF_FFFFUL));

    /// <summary>Of an IPv6 client.</summary>
    public static uint Of6(EngineState* state, ulong high, ulong low, ulong rest) =>
        Reduce(state, Hashes.Mix64(Hashes.Fold(high, low, (ushort)(rest >> 32))));

    /// <summary>Hands a packet over unless this worker is the flow's home. True if it goes.</summary>
    public static bool TryHandOver(EngineState* state, Burst* burst, int i, uint home)
    {
        if (home == state->WorkerIndex)
        {
            return false;
        }

        burst->Verdicts[i] = (byte)Verdict.HandOver;
        burst->NextHop[i] = home;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Reduce(EngineState* state, ulong hash) => (uint)(((hash >> 32) * state->WorkerCount) >> 32);
}
