namespace Forwarder.Vrrp;

/// <summary>Turns single results of a check into a state: so many failures in a row to go down, so many successes to come up.</summary>
public sealed class VrrpRiseFall
{
    private readonly int _rise;
    private readonly int _fall;
    private int _against;

    /// <param name="rise">Successes in a row that make it up; at least 1.</param>
    /// <param name="fall">Failures in a row that make it down; at least 1.</param>
    /// <param name="isUp">State to begin with.</param>
    public VrrpRiseFall(int rise, int fall, bool isUp)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rise, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(fall, 1);
        _rise = rise;
        _fall = fall;
        IsUp = isUp;
    }

    public bool IsUp { get; private set; }

    /// <summary>Takes one result; true when the state changed.</summary>
    public bool Report(bool isGood)
    {
        _against = isGood == IsUp ? 0 : _against + 1;
        bool changed = _against >= (IsUp ? _fall : _rise);
        if (changed)
        {
            IsUp = isGood;
            _against = 0;
        }

        return changed;
    }
}
