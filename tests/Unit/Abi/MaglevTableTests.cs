using Forwarder.Abi;

namespace Forwarder.Unit.Tests.Abi;

public sealed class MaglevTableTests
{
    private static MaglevMember[] Members(int count, Func<int, uint>? weight = null) =>
        [.. Enumerable.Range(0, count).Select(i => new MaglevMember(Hashes.Mix64((ulong)i + 1), weight?.Invoke(i) ?? 1))];

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(1000)]
    [InlineData(5000)]
    public void EntriesAreSharedEvenly(int members)
    {
        int[] counts = new int[members];
        foreach (ushort member in MaglevTable.Build(Members(members), 65_537))
        {
            counts[member]++;
        }

        Assert.InRange(counts.Max() - counts.Min(), 0, 1);
    }

    [Fact]
    public void EntriesFollowTheWeights()
    {
        int[] counts = new int[4];
        foreach (ushort member in MaglevTable.Build(Members(4, i => (uint)(100 * i)), 65_537))
        {
            counts[member]++;
        }

        Assert.Equal(0, counts[0]);
        for (int i = 1; i < 4; i++)
        {
            Assert.InRange(counts[i] / (65_537 * i / 6.0), 0.999, 1.001);
        }
    }

    [Fact]
    public void AWeightOfOneAmongHugeOnesKeepsAnEntry()
    {
        ushort[] table = MaglevTable.Build(Members(3, i => i == 2 ? 1u : 65_535u), 251);
        Assert.Contains((ushort)2, table);
    }

    [Fact]
    public void RemovingAMemberMovesLittleElse()
    {
        MaglevMember[] members = Members(100);
        ushort[] before = MaglevTable.Build(members, 65_537);
        ushort[] after = MaglevTable.Build(members.AsSpan(0, 99), 65_537);
        int moved = 0;
        for (int i = 0; i < before.Length; i++)
        {
            moved += before[i] != 99 && before[i] != after[i] ? 1 : 0;
        }

        // The Maglev paper (section 5.3) reports that few entries beside those of the lost member change.
        Assert.InRange(moved / 65_537.0, 0, 0.02);
    }

    [Fact]
    public void NoWeightNoTable()
    {
        Assert.Empty(MaglevTable.Build(Members(3, _ => 0), 251));
        Assert.Empty(MaglevTable.Build([], 251));
    }

    [Theory]
    [InlineData(65_537, true)]
    [InlineData(65_536, false)]
    [InlineData(655_373, true)]
    [InlineData(251, true)]
    [InlineData(2, true)]
    [InlineData(1, false)]
    [InlineData(63_001, false)]
    public void PrimesAreKnown(int number, bool prime) => Assert.Equal(prime, MaglevTable.IsPrime(number));
}
