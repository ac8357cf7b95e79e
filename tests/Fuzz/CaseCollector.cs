using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// With FUZZ_CORPUS=FILE, the target of frames keeps the shortest case that it has found for each branch, and writes them
/// to this file in the form of corpus/frames.txt.
/// </summary>
public sealed class CaseCollector : IDisposable
{
    private static readonly string? s_file = Environment.GetEnvironmentVariable("FUZZ_CORPUS");
    private readonly SortedDictionary<string, FrameCase> _cases = new(StringComparer.Ordinal);

    /// <summary>A frame that has been in a burst, with its flow, and with what was the matter.</summary>
    public void Offer(Reading r, int port, byte[] frame, Fate fate, FlowReading? flow, IEnumerable<string> conditions)
    {
        if (s_file == null)
        {
            return;
        }

        List<CaseFrame> frames = [];
        if (flow != null && (r.Kind != FrameKind.Request || !flow.Opener.Frame.AsSpan().SequenceEqual(frame)))
        {
            frames.Add(new CaseFrame(flow.Opener.Port, [], "", flow.Opener.Frame));
        }

        frames.Add(new CaseFrame(port, [.. conditions], "", frame));
        string name = FrameCase.NameOf(fate, flow);
        bool kept = fate.Lost == DropReason.None && fate.Reason != DropReason.MultiSegment;
        string label = kept && r.Bytes > 0 ? $"{name}{(r.Kind == FrameKind.Settled ? "" : $" {r.Kind}")}{(r.IsV6 ? " IPv6" : " IPv4")}{(r.Protocol == SctpReading.Protocol ? " SCTP" : "")}" : name;
        Keep(label, name, frames);
        if (fate.Kind == "punt" && kept)
        {
            Keep(label, name, [.. frames[..^1], frames[^1] with { Conditions = [.. frames[^1].Conditions, "no-host"] }]);
            Keep(label, name, [.. frames[..^1], frames[^1] with { Conditions = ["not-owned"] }]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (s_file != null)
        {
            File.WriteAllText(s_file, string.Join("\n", _cases.Select(c => $"# {c.Key}\n{string.Join("", c.Value.Frames.Select(f => $"{f}\n"))}")));
        }
    }

    private void Keep(string label, string fate, List<CaseFrame> frames)
    {
        bool handedOn = frames[^1].Conditions.Contains("no-host") || frames[^1].Conditions.Contains("not-owned") || fate == "punt";
        if (!handedOn && _cases.TryGetValue(label, out FrameCase? kept) && Bytes(kept.Frames) <= Bytes(frames))
        {
            return;
        }

        if (handedOn && Random.Shared.Next(64) != 0)
        {
            return; // a fresh director for each is slow
        }

        IReadOnlyList<string> fates = new FrameCase(label, frames).Run();
        if (fates[^1].Split('>')[0] != fate)
        {
            return; // something else that was there has had a part in it
        }

        label = fates[^1].Contains('>', StringComparison.Ordinal) && fate == "punt" ? $"{label} {fates[^1].Split('>')[1]}" : label;
        if (!_cases.TryGetValue(label, out FrameCase? best) || Bytes(best.Frames) > Bytes(frames))
        {
            _cases[label] = new FrameCase(label, [.. frames.Select((f, i) => f with { Fate = fates[i] })]);
        }
    }

    private static int Bytes(IReadOnlyList<CaseFrame> frames) => frames.Sum(f => f.Frame.Length + (20 * f.Conditions.Count));
}
