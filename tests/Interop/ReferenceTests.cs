using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>
/// Each check runs against the kernel's IPVS and against our director, and what both did must be what docs/ipvs-differences.md
/// says: a line of its table is a check, the methods, what IPVS did and what we did.
/// </summary>
public sealed class ReferenceTests(ReferenceTests.Beds beds, ITestOutputHelper output) : IClassFixture<ReferenceTests.Beds>
{
    private const string Document = "docs/ipvs-differences.md", Same = "the same";

    public static TheoryData<string, string> Checks()
    {
        TheoryData<string, string> data = [];
        foreach ((string name, (string[] methods, _)) in ReferenceChecks.All)
        {
            Array.ForEach(methods, m => data.Add(name, m));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Checks))]
    public void Behaves_as_the_document_says(string check, string method)
    {
        Func<ReferenceBed, string, string> run = ReferenceChecks.All[check].Run;
        string[] seen = [.. ((ReferenceBed[])[beds.Ipvs, beds.Forwarder]).Select(bed => Run(bed, run, method))];
        (string ipvs, string ours) = (seen[0], seen[1]);
        output.WriteLine($"| {check} | {method} | {ipvs} | {(ours == ipvs ? Same : ours)} |");
        (string IpvsSays, string OursSays) = Rows().Where(r => r.Check == check && r.Methods.Contains(method)).Select(r => (r.Ipvs, r.Ours)).SingleOrDefault();
        Assert.Equal($"IPVS: {IpvsSays}\nForwarder: {OursSays}", $"IPVS: {ipvs}\nForwarder: {(ours == ipvs ? Same : ours)}");
    }

    private static string Run(ReferenceBed bed, Func<ReferenceBed, string, string> run, string method)
    {
        bed.IsV6 = method.EndsWith('6');
        return run(bed, method.TrimEnd('6'));
    }

    [Fact]
    public void The_document_has_no_line_that_is_not_checked() =>
        Assert.Equal(
            ReferenceChecks.All.SelectMany(c => c.Value.Methods.Select(m => $"{c.Key}: {m}")).Order(),
            Rows().SelectMany(r => r.Methods.Select(m => $"{r.Check}: {m}")).Order());

    private static IEnumerable<(string Check, string[] Methods, string Ipvs, string Ours)> Rows() =>
        File.ReadLines(Path.Combine(Repository.Root, Document)).Where(l => l.StartsWith("| ", StringComparison.Ordinal) && !l.StartsWith("| check ", StringComparison.Ordinal))
            .Select(l => l.Split(" | ")).Select(c => (c[0][2..], c[1].Split(", "), c[2], c[3].TrimEnd(' ', '|')));

    /// <summary>Both directors, each on a bed of its own.</summary>
    public sealed class Beds : IDisposable
    {
        public IpvsBed Ipvs { get; } = new();

        public ForwarderBed Forwarder { get; } = new();

        public void Dispose()
        {
            Ipvs.Dispose();
            Forwarder.Dispose();
        }
    }
}
