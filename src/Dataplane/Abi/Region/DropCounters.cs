using System.Runtime.CompilerServices;

namespace Forwarder.Abi;

/// <summary>One 64-bit packet counter per <see cref="DropReason"/>; single writer, any reader.</summary>
[InlineArray(Count)]
public struct DropCounters
{
    /// <summary>Counters reserved; more than there are reasons, so that a new reason does not move what follows.</summary>
    public const int Count = 64;
    private ulong _element0;
}
