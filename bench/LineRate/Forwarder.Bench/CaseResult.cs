namespace Forwarder.Bench;

/// <summary>All rounds of a case.</summary>
public sealed class CaseResult(BenchCase @case, IReadOnlyList<MeasuredProgram> programs)
{
    private readonly List<Dictionary<MeasuredProgram, RunResult>> _rounds = [];

    /// <summary>The case.</summary>
    public BenchCase Case => @case;

    /// <summary>TSC frequency.</summary>
    public double TscHz => _rounds[0][MeasuredProgram.Floor].TscHz;

    /// <summary>Programs beside the floor.</summary>
    public IReadOnlyList<MeasuredProgram> Programs => programs;

    /// <summary>Rounds that were run.</summary>
    public int Rounds => _rounds.Count;

    /// <summary>Adds a round.</summary>
    public void Add(Dictionary<MeasuredProgram, RunResult> round) => _rounds.Add(round);

    /// <summary>Whether a run has too few good slices, by what is normal in the rounds before and in this one so far.</summary>
    public bool IsDisturbed(MeasuredProgram program, RunResult run, IEnumerable<KeyValuePair<MeasuredProgram, RunResult>> sameRound)
    {
        double normal = _rounds.SelectMany(r => r).Concat(sameRound).Where(r => r.Key.IsDirector == program.IsDirector).Select(r => r.Value).Append(run).Min(r => r.OwnNormal);
        return run.Cycles(RunResult.OwnLimit(run.OwnNormal, normal)) == null;
    }

    /// <summary>Cycles per packet of the device under test in each good round: all its cycles less the floor's of the round. The floor's own for the floor.</summary>
    public IReadOnlyList<double> Cycles(MeasuredProgram program) => [.. _rounds.Select(r => Of(r, program)).OfType<double>()];

    /// <summary>The ratio of two programs in each round that is good for both.</summary>
    public IReadOnlyList<double> Ratios(MeasuredProgram a, MeasuredProgram b) => [.. _rounds.Select(r => Of(r, a) / Of(r, b)).OfType<double>()];

    /// <summary>Cycles per packet as <see cref="Cycles"/> has them, with an empty table and with a full one, by round; for new flows.</summary>
    public IReadOnlyList<(double Empty, double Full)> Growth(MeasuredProgram program)
    {
        List<(double, double)> growth = [];
        foreach (Dictionary<MeasuredProgram, RunResult> round in _rounds)
        {
            double? floor = round[MeasuredProgram.Floor].Cycles(OwnLimit(MeasuredProgram.Floor));
            (double? first, double? last) = round[program].Ends(OwnLimit(program));
            if (first - floor is double empty && last - floor is double full)
            {
                growth.Add((empty, full));
            }
        }

        return growth;
    }

    /// <summary>Good slices and all slices of a program.</summary>
    public (int Good, int All) Slices(MeasuredProgram program) =>
        (_rounds.Sum(r => r[program].Good(OwnLimit(program)).Count), _rounds.Sum(r => r[program].Slices.Count));

    /// <summary>The generator's own cycles per packet under a program, over all slices: what a disturbed program shows in.</summary>
    public double GeneratorCycles(MeasuredProgram program) => Statistics.Median(_rounds.SelectMany(r => r[program].Slices).Select(s => s.OwnCycles));

    /// <summary>
    /// Whether the dataplane and the reference sent each flow to the same server; null if one of them was not run, or if NAT dropped
    /// flows that found no room: which ones those are hangs on the packet that was the first.
    /// </summary>
    public bool? SameServers => AllFlowsPass && programs.Contains(MeasuredProgram.Forwarder) && programs.Contains(MeasuredProgram.Reference) && @case.Order != "zipf"
        ? _rounds.TrueForAll(r => r[MeasuredProgram.Forwarder].Digest == r[MeasuredProgram.Reference].Digest)
        : null;

    private bool AllFlowsPass => @case.Ways == 1 || _rounds.TrueForAll(r => r.All(p => !p.Key.IsDirector || p.Value.FlowsCreated == @case.Flows));

    /// <summary>The generator's cycles per packet that are too many: something disturbed it.</summary>
    private double OwnLimit(MeasuredProgram program) =>
        RunResult.OwnLimit(_rounds.Min(r => r[program].OwnNormal), _rounds.SelectMany(r => r).Where(r => r.Key.IsDirector == program.IsDirector).Min(r => r.Value.OwnNormal));

    private double? Of(Dictionary<MeasuredProgram, RunResult> round, MeasuredProgram program)
    {
        double? floor = round[MeasuredProgram.Floor].Cycles(OwnLimit(MeasuredProgram.Floor)), all = round[program].Cycles(OwnLimit(program));
        return program == MeasuredProgram.Floor ? floor : all - floor;
    }
}
