using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A set of rules of SNAT: a bit for each, by its index.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SnatSetEntry : IEquatable<SnatSetEntry>
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = Words * sizeof(ulong);
    /// <summary>Words of a set, and bits of a word.</summary>
    public const int Words = Limits.SnatRulesMax / WordBits, WordBits = 64;
    /// <summary>The bits.</summary>
    public WordArray Bits;

    /// <summary>Bits of 64 rules each.</summary>
    [InlineArray(Words)]
    public struct WordArray
    {
        private ulong _element0;
    }

    /// <summary>Whether a rule is in it.</summary>
    public readonly bool Has(int rule) => ((Bits[rule / WordBits] >> (rule % WordBits)) & 1) != 0;

    /// <summary>Takes a rule in or out.</summary>
    public void Put(int rule, bool isIn)
    {
        ulong bit = 1UL << (rule % WordBits);
        Bits[rule / WordBits] = isIn ? Bits[rule / WordBits] | bit : Bits[rule / WordBits] & ~bit;
    }

    /// <summary>Whether they have the same rules.</summary>
    public static bool operator ==(SnatSetEntry one, SnatSetEntry other) => one.Equals(other);

    /// <inheritdoc cref="op_Equality"/>
    public static bool operator !=(SnatSetEntry one, SnatSetEntry other) => !one.Equals(other);

    /// <inheritdoc/>
    public readonly bool Equals(SnatSetEntry other) => ((ReadOnlySpan<ulong>)Bits).SequenceEqual(other.Bits);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is SnatSetEntry other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)Bits));
        return hash.ToHashCode();
    }
}
