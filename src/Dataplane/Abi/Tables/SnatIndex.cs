namespace Forwarder.Abi;

/// <summary>
/// Turns prefixes of rules into a table of <see cref="SnatRangeEntry"/>: addresses are cut where a prefix begins or ends, so that
/// a search finds all rules that name an address at once, however many prefixes there are.
/// </summary>
public sealed class SnatIndex(byte ipVersion)
{
    private const int Everybody = -1;

    private readonly UInt128 _last = ipVersion == 4 ? uint.MaxValue : UInt128.MaxValue;
    private readonly List<(UInt128 At, int Rule, int Names, int Excepts)> _edges = [];

    /// <summary>A rule names these addresses.</summary>
    public void Add(int rule, SnatRange range) => Add(rule, range, 1, 0);

    /// <summary>A rule does not name these addresses, whatever else it names.</summary>
    public void Except(int rule, SnatRange range) => Add(rule, range, 0, 1);

    /// <summary>No rule names these addresses.</summary>
    public void Except(SnatRange range) => Add(Everybody, range, 0, 1);

    /// <summary>Writes the table; equal sets are there once, with those of tables before.</summary>
    public void WriteTo(List<SnatRangeEntry> table, List<SnatSetEntry> sets, Dictionary<SnatSetEntry, uint> indexOf)
    {
        _edges.Sort((a, b) => a.At.CompareTo(b.At));
        Span<(int Names, int Excepts)> counts = new (int, int)[Limits.SnatRulesMax];
        SnatSetEntry set = default, none = default;
        int exceptions = 0, at = 0;
        for (UInt128 address = 0; ; address = _edges[at].At)
        {
            for (; at < _edges.Count && _edges[at].At == address; at++)
            {
                (_, int rule, int names, int excepts) = _edges[at];
                if (rule == Everybody)
                {
                    exceptions += excepts;
                    continue;
                }

                counts[rule] = (counts[rule].Names + names, counts[rule].Excepts + excepts);
                set.Put(rule, counts[rule] is { Names: > 0, Excepts: 0 });
            }

            uint index = IndexOf(exceptions == 0 ? set : none, sets, indexOf);
            if (table.Count == 0 || table[^1].Set != index)
            {
                table.Add(new SnatRangeEntry { High = (ulong)(address >> 64), Low = (ulong)address, Set = index });
            }

            if (at == _edges.Count)
            {
                return;
            }
        }
    }

    private void Add(int rule, SnatRange range, int names, int excepts)
    {
        _edges.Add((range.First, rule, names, excepts));
        if (range.Last < _last)
        {
            _edges.Add((range.Last + 1, rule, -names, -excepts));
        }
    }

    private static uint IndexOf(in SnatSetEntry set, List<SnatSetEntry> sets, Dictionary<SnatSetEntry, uint> indexOf)
    {
        if (!indexOf.TryGetValue(set, out uint index))
        {
            index = (uint)sets.Count;
            indexOf.Add(set, index);
            sets.Add(set);
        }

        return index;
    }
}
