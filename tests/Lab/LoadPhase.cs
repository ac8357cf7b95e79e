namespace Forwarder.Lab;

/// <summary>What a load did during one phase.</summary>
public sealed class LoadPhase(string name)
{
    private const int FailuresKept = 20;
    private readonly Dictionary<string, int> _answers = [];

    /// <summary>Name given by the user of the load.</summary>
    public string Name { get; } = name;

    /// <summary>Answers per real server, by what its page says.</summary>
    public IReadOnlyDictionary<string, int> Answers => _answers;

    /// <summary>Requests in all.</summary>
    public int Requests => _answers.Values.Sum() + Failed;

    /// <summary>Requests without a complete, right answer.</summary>
    public int Failed { get; private set; }

    /// <summary>The first few failures.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>Client ports of the connections that failed, 0 = none was made.</summary>
    public List<int> FailedPorts { get; } = [];

    /// <summary>The longest request, milliseconds. Above 1,000 a SYN was sent twice.</summary>
    public double LongestMs { get; private set; }

    /// <summary>The share of a server in the answers, percent.</summary>
    public double SharePercent(string server) => 100.0 * _answers.GetValueOrDefault(server) / Math.Max(1, _answers.Values.Sum());

    internal void Add(string server, double ms)
    {
        _answers[server] = _answers.GetValueOrDefault(server) + 1;
        LongestMs = Math.Max(LongestMs, ms);
    }

    internal void AddFailure(int port, string why)
    {
        Failed++;
        FailedPorts.Add(port);
        if (Failures.Count < FailuresKept)
        {
            Failures.Add(why);
        }
    }
}
