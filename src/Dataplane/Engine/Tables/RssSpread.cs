using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// How ports with RSS spread packets over their queues, reckoned in software: Toeplitz over addresses and ports, with a key that the
/// director gives them. The key is one word of 32 bits, again and again, so that the hash depends only on the sum (XOR) of
/// the words of the packet's addresses and ports: it is the same for IPv4 and IPv6, and what a port adds to it does not
/// depend on the rest.
/// </summary>
public static unsafe class RssSpread
{
    /// <summary>
    /// The word. An odd number of ones makes the hash of a word one to one; this one also lets each byte of an address, and the ports
    /// of each worker's share, reach all classes (RssSpreadTests).
    /// </summary>
    public const uint Key = 0x6A8A_C4BA;

    /// <summary>Most classes that queues are chosen by: the lower bits of the hash.</summary>
    public const uint ClassesMax = 512;

    /// <summary>Toeplitz hash of words that are XORed, the first byte of the packet's highest.</summary>
    public static uint Hash(uint words)
    {
        uint hash = 0;
        for (; words != 0; words &= words - 1)
        {
            hash ^= BitOperations.RotateLeft(Key, 31 - BitOperations.TrailingZeroCount(words));
        }

        return hash;
    }

    /// <summary>Hash of what lies in memory as in the packet.</summary>
    public static uint HashOfNetwork(uint words) => Hash(BinaryPrimitives.ReverseEndianness(words));

    /// <summary>The sum of an address' words; an IPv4 address is in the low four bytes of <paramref name="high"/>.</summary>
    public static uint Words(ulong high, ulong low) => (uint)(high ^ (high >> 32) ^ low ^ (low >> 32));

    /// <summary>Source and destination port as they lie in a packet.</summary>
    public static uint Ports(ushort source, ushort destination) => source | ((uint)destination << 16);

    /// <summary>Worker whose queue gets packets of a class.</summary>
    public static uint WorkerOf(uint hash, uint classes, uint workers) => (hash & (classes - 1)) % workers;

    /// <summary>Where packets with this sum of addresses and ports arrive.</summary>
    public static uint WorkerOf(EngineState* state, uint words) => WorkerOf(HashOfNetwork(words), state->RssClasses, state->WorkerCount);

    /// <summary>Where packets of a client to a service arrive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint WorkerOfRequest(EngineState* state, ServiceEntry* service, uint clientWords, ushort clientPort) =>
        WorkerOf(state, clientWords ^ Words(service->VipHigh, service->VipLow) ^ Ports(clientPort, service->Port));
}
