using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The worker where a two-way flow lives, whichever worker its packets arrive at: chosen by the client's address and port,
/// which both directions carry. Independent of the flow hash, whose upper bits are the bucket: each home uses its whole table.
/// </summary>
internal static unsafe class HomeWorker
{
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
