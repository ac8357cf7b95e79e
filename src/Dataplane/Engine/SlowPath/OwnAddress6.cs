using System.Buffers.Binary;
using System.Numerics;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>Which of its IPv6 addresses the director speaks from (RFC 6724 section 5).</summary>
internal static unsafe class OwnAddress6
{
    /// <summary>More than the bits of an address.</summary>
    private const int OfInterface = 129;

    /// <summary>
    /// The own address that suits a destination: of its scope (rule 2), else of the interface (rule 5), else with the longest prefix in common
    /// (rule 8). False: the link-local one of the port does.
    /// </summary>
    public static bool TryFind(in SnapshotView view, int interfaceId, ulong toHigh, ulong toLow, out ulong high, out ulong low)
    {
        (high, low) = (0, 0);
        int best = -1;
        for (int i = 0; !IsLinkLocal(toHigh) && i < 1 << view.LocalAddresses6Log2; i++)
        {
            LocalAddress6Entry* own = view.LocalAddresses6 + i;
            if (own->Kind != LocalAddressKind.Own || IsLinkLocal(own->High))
            {
                continue;
            }

            int rank = (own->Interface == interfaceId ? OfInterface : 0) + CommonBits(own->High ^ toHigh, own->Low ^ toLow);
            if (rank > best)
            {
                (best, high, low) = (rank, own->High, own->Low);
            }
        }

        return best >= 0;
    }

    /// <summary>fe80::/10.</summary>
    private static bool IsLinkLocal(ulong high) => (high & 0xC0FF) == NeighbourMessages.LinkLocalHigh;

    private static int CommonBits(ulong high, ulong low) =>
        high != 0 ? BitOperations.LeadingZeroCount(BinaryPrimitives.ReverseEndianness(high)) : 64 + BitOperations.LeadingZeroCount(BinaryPrimitives.ReverseEndianness(low));
}
