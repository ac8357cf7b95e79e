namespace Forwarder.Abi;

/// <summary>
/// Maglev consistent hashing (Eisenbud et al., NSDI 2016, section 3.4): each member walks its own permutation of the
/// table and takes the next free entry when it is its turn; a member of weight w has w turns per round.
/// </summary>
public static class MaglevTable
{
    /// <summary>Builds a table of <paramref name="size"/> entries, each an index into <paramref name="members"/>; empty if no member has a weight above 0.</summary>
    /// <param name="members">Members in any order; the order decides only who goes first, so keep it sorted by identity.</param>
    /// <param name="size">A prime, larger than the number of members.</param>
    public static ushort[] Build(ReadOnlySpan<MaglevMember> members, int size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(members.Length, Limits.ServersPerServiceMax);
        uint[] turns = Turns(members, size);
        if (Array.TrueForAll(turns, t => t == 0))
        {
            return [];
        }

        uint[] position = new uint[members.Length], skip = new uint[members.Length];
        for (int i = 0; i < members.Length; i++)
        {
            // Two independent numbers per member: where its permutation starts, and its step (never 0; size is prime).
            position[i] = (uint)(Hashes.Mix64(members[i].Identity) % (uint)size);
            skip[i] = (uint)(Hashes.Mix64(members[i].Identity ^ 0x9E3779B97F4A7C15UL) % (uint)(size - 1)) + 1;
        }

        return Fill(turns, position, skip, size);
    }

    private static ushort[] Fill(uint[] turns, uint[] position, uint[] skip, int size)
    {
        ushort[] table = new ushort[size];
        Array.Fill(table, ushort.MaxValue);
        for (int filled = 0; ;)
        {
            for (int member = 0; member < turns.Length; member++)
            {
                for (uint turn = 0; turn < turns[member]; turn++)
                {
                    uint at = position[member], step = skip[member];
                    while (table[at] != ushort.MaxValue)
                    {
                        at = at + step >= (uint)size ? at + step - (uint)size : at + step;
                    }

                    table[at] = (ushort)member;
                    position[member] = at;
                    if (++filled == size)
                    {
                        return table;
                    }
                }
            }
        }
    }

    /// <summary>Turns per round: the weights divided by their greatest common divisor, and scaled so that one round leaves room for all.</summary>
    private static uint[] Turns(ReadOnlySpan<MaglevMember> members, int size)
    {
        uint[] turns = new uint[members.Length];
        ulong sum = 0;
        ulong divisor = 0;
        foreach (MaglevMember member in members)
        {
            divisor = Gcd(divisor, member.Weight);
        }

        for (int i = 0; i < members.Length; i++)
        {
            turns[i] = divisor == 0 ? 0 : members[i].Weight / (uint)divisor;
            sum += turns[i];
        }

        // A round larger than the table would leave the members at its end without entries.
        ulong roundMax = (ulong)Math.Max(size / 4, members.Length);
        if (sum > roundMax)
        {
            for (int i = 0; i < turns.Length; i++)
            {
                turns[i] = turns[i] == 0 ? 0 : Math.Max(1, (uint)(turns[i] * roundMax / sum));
            }
        }

        return turns;
    }

    private static ulong Gcd(ulong a, ulong b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }

    /// <summary>Whether a number is prime (trial division; sizes are below 2^20).</summary>
    public static bool IsPrime(int number)
    {
        if (number < 2 || (number % 2 == 0 && number != 2))
        {
            return false;
        }

        for (int divisor = 3; (long)divisor * divisor <= number; divisor += 2)
        {
            if (number % divisor == 0)
            {
                return false;
            }
        }

        return true;
    }
}
