namespace Forwarder.Vrrp;

/// <summary>
/// One virtual router on one interface: events in, effects out (RFC 9568 section 6.4, RFC 3768 section 6.4). It knows no
/// clock: time is an argument, and <see cref="NextDueNs"/> says when to come back with a <see cref="VrrpEventKind.Tick"/>.
/// Received advertisements are to be handed in before the tick of the same moment.
/// </summary>
public sealed class VrrpInstance
{
    /// <summary>Bursts after a rival was heard are at least this far apart.</summary>
    private const long AnnounceGapNs = VrrpLimits.NanosecondsPerSecond;

    /// <summary>A rival is answered at most so often between two advertisements of our own accord.</summary>
    private const int AssertionsMax = 8;

    private readonly VrrpTimerSet _timers = new();
    private List<VrrpEffect> _effects = [];
    private long _nowNs;
    private bool _started;
    private bool _graceGiven;
    private bool _activeResigned;
    private bool _heardLower;
    private bool _preemptReady;
    private VrrpAddress? _loser;
    private long _loserLeaseEndNs;
    private long _activeFreshUntilNs;
    private long _activeLeaseEndNs;
    private int _assertions;
    private long _lastAnnounceNs;
    private long _handoverHoldNs;
    private VrrpAddress? _shadowSource;
    private long _shadowUntilNs;

    /// <summary>The configuration must be valid, see <see cref="VrrpConfig.Validate"/>.</summary>
    public VrrpInstance(VrrpConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        Priority = config.Priority;
        ActiveIntervalNs = config.IntervalNs;
    }

    public VrrpConfig Config { get; }

    public VrrpCounters Counters { get; } = new();

    public VrrpState State { get; private set; } = VrrpState.Initialize;

    /// <summary>Why <see cref="State"/> was entered.</summary>
    public VrrpReason Reason { get; private set; }

    /// <summary>When <see cref="State"/> was entered.</summary>
    public long SinceNs { get; private set; }

    /// <summary>The priority in force, after tracking.</summary>
    public byte Priority { get; private set; }

    public VrrpFaults Faults { get; private set; }

    /// <summary>The router that we heard last as the active one.</summary>
    public VrrpAddress? ActiveRouter { get; private set; }

    /// <summary>Its priority.</summary>
    public byte ActivePriority { get; private set; }

    /// <summary>Active_Adver_Interval: the interval of the router that we follow, or our own.</summary>
    public long ActiveIntervalNs { get; private set; }

    /// <summary>Backup, and hearing an active router that we may not preempt.</summary>
    public bool IsFollowing { get; private set; }

    /// <summary>End of our right to the addresses while active.</summary>
    public long LeaseUntilNs { get; private set; }

    public bool IsForcedBackup => _timers.IsRunning(VrrpTimer.ForcedBackup);

    public bool IsHandingOver => _timers.IsRunning(VrrpTimer.Handover);

    /// <summary>Packets for the virtual addresses are to be taken in (RFC 9568 section 6.4.3, Accept_Mode).</summary>
    public bool AcceptsTraffic => State == VrrpState.Active && (Config.IsOwner || Config.AcceptMode);

    /// <summary>When the next timer is due, or <see cref="VrrpTimers.Never"/>.</summary>
    public long NextDueNs => _timers.NextDueNs;

    /// <summary>Skew_Time with the figures in force.</summary>
    public long SkewNs => VrrpTimers.SkewNs(Config.Version, Priority, ActiveIntervalNs);

    /// <summary>Master_Down_Interval with the figures in force.</summary>
    public long MasterDownNs => VrrpTimers.MasterDownNs(Config.Version, Priority, ActiveIntervalNs);

    /// <summary>Set by the sync group: another member still hears an active router, so do not become active alone.</summary>
    internal bool PromotionHeld { get; set; }

    /// <summary>Set by the sync group: until then a router that other members have heard may own their addresses.</summary>
    internal long GroupLeaseEndNs { get; set; }

    /// <summary>Until then a router that we have heard may own the addresses.</summary>
    internal long RivalLeaseEndNs => _activeResigned ? _loserLeaseEndNs : Math.Max(_activeLeaseEndNs, _loserLeaseEndNs);

    /// <summary>When this timer is due, or <see cref="VrrpTimers.Never"/>.</summary>
    public long DueNs(VrrpTimer timer) => _timers.DueNs(timer);

    /// <summary>Takes one event and appends what is to be done, in order.</summary>
    /// <param name="happened">The event.</param>
    /// <param name="nowNs">Monotonic time; must not go back.</param>
    /// <param name="effects">Appended to.</param>
    public void Handle(in VrrpEvent happened, long nowNs, List<VrrpEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        _effects = effects;
        _nowNs = nowNs;
        if (State == VrrpState.Active && nowNs >= LeaseUntilNs)
        {
            LoseLease();
        }

        Dispatch(happened);
    }

    private void Dispatch(in VrrpEvent happened)
    {
        switch (happened.Kind)
        {
            case VrrpEventKind.Startup:
                Start();
                break;
            case VrrpEventKind.Shutdown:
                Stop();
                break;
            case VrrpEventKind.Tick:
                FireDueTimers();
                break;
            case VrrpEventKind.AdvertReceived:
                ReceiveAdvert(happened);
                break;
            case VrrpEventKind.PriorityChanged:
                ChangePriority(happened.Priority);
                break;
            case VrrpEventKind.FaultRaised:
                RaiseFault(happened.Faults);
                break;
            case VrrpEventKind.FaultCleared:
                ClearFault(happened.Faults);
                break;
            case VrrpEventKind.ForceBackup:
                ForceBackup(happened.DurationNs);
                break;
            case VrrpEventKind.ReleaseBackup:
                ReleaseBackup();
                break;
            case VrrpEventKind.Handover:
                StartHandover(happened.DurationNs);
                break;
            case VrrpEventKind.LeaseLost:
                LoseLease();
                break;
            case VrrpEventKind.GroupActive:
                FollowGroupUp();
                break;
            case VrrpEventKind.GroupBackup:
                ResignToBackup(VrrpReason.SyncGroup);
                break;
            case VrrpEventKind.GroupYield:
                YieldWithGroup();
                break;
            default:
                break;
        }
    }

    // ---- Start, stop, faults

    private void Start()
    {
        if (_started)
        {
            return;
        }

        _started = true;
        SinceNs = Counters.SinceNs = _nowNs;
        if (Config.StartDelayMs > 0)
        {
            _timers.Set(VrrpTimer.StartDelay, _nowNs + (Config.StartDelayMs * VrrpLimits.NanosecondsPerMillisecond));
        }

        if (Faults == VrrpFaults.None)
        {
            Begin(VrrpReason.Startup);
        }
        else
        {
            Enter(VrrpState.Initialize, VrrpReason.Fault);
        }
    }

    /// <summary>RFC 9568 section 6.4.1: from Initialize to Active for the owner, to Backup for others.</summary>
    private void Begin(VrrpReason reason)
    {
        bool ready = _started && Faults == VrrpFaults.None && !_timers.IsRunning(VrrpTimer.StartDelay);
        if (!ready || State != VrrpState.Initialize)
        {
            return;
        }

        if (Config.IsOwner && !IsForcedBackup)
        {
            BecomeActive(VrrpReason.AddressOwner);
        }
        else
        {
            EnterBackup(reason);
        }
    }

    private void Stop()
    {
        Withdraw(VrrpReason.Shutdown);
        _timers.Stop(VrrpTimer.StartDelay);
        _timers.Stop(VrrpTimer.ForcedBackup);
        _started = false;
    }

    private void RaiseFault(VrrpFaults faults)
    {
        Faults |= faults;
        if (Faults != VrrpFaults.None)
        {
            Withdraw(VrrpReason.Fault);
        }
    }

    private void ClearFault(VrrpFaults faults)
    {
        Faults &= ~faults;
        Begin(VrrpReason.FaultCleared);
    }

    private void Withdraw(VrrpReason reason)
    {
        if (State == VrrpState.Initialize)
        {
            return;
        }

        if (State == VrrpState.Active)
        {
            GiveUp();
        }

        StopElection();
        ActiveRouter = null;
        Enter(VrrpState.Initialize, reason);
    }

    // ---- Timers

    private void FireDueTimers()
    {
        for (int i = 0; i < VrrpTimerSet.Count; i++)
        {
            var timer = (VrrpTimer)i;
            long dueNs = _timers.DueNs(timer);
            if (dueNs <= _nowNs)
            {
                _timers.Stop(timer);
                Fire(timer, dueNs);
            }
        }
    }

    private void Fire(VrrpTimer timer, long dueNs)
    {
        switch (timer)
        {
            case VrrpTimer.StartDelay:
                Begin(VrrpReason.Startup);
                break;
            case VrrpTimer.ForcedBackup:
                EndForcedBackup();
                break;
            case VrrpTimer.Handover:
                _effects.Add(VrrpEffect.HandoverFailed);
                SendAdvert();
                break;
            case VrrpTimer.PreemptDelay:
                _preemptReady = true;
                break;
            case VrrpTimer.MasterDown:
                MissActiveRouter(_nowNs - dueNs);
                break;
            case VrrpTimer.Advert:
                _assertions = 0;
                SendAdvert();
                KeepPace(dueNs);
                break;
            case VrrpTimer.AnnounceRepeat:
                Announce(Config.Announce.Count);
                break;
            default:
                Announce(Config.Announce.RefreshCount);
                ArmRefresh();
                break;
        }
    }

    /// <summary>Counts the next interval from when this one was due, so that lateness does not add up.</summary>
    private void KeepPace(long dueNs)
    {
        long nextNs = dueNs + Config.IntervalNs;
        if (nextNs > _nowNs)
        {
            _timers.Set(VrrpTimer.Advert, nextNs);
        }
    }

    private void MissActiveRouter(long lateNs)
    {
        IsFollowing = false;
        if (IsForcedBackup)
        {
            ArmMasterDown();
        }
        else if (lateNs > ActiveIntervalNs && !_graceGiven)
        {
            // It was not the active router that was silent but we who did not listen.
            _graceGiven = true;
            Counters.LateTimers++;
            _timers.Set(VrrpTimer.MasterDown, _nowNs + ActiveIntervalNs + SkewNs);
        }
        else if (_heardLower && !_activeResigned && _nowNs < _activeLeaseEndNs)
        {
            AwaitLowerRouter();
        }
        else if (!_activeResigned && _nowNs < _activeLeaseEndNs)
        {
            _timers.Set(VrrpTimer.MasterDown, _activeLeaseEndNs);
        }
        else if (_nowNs < _loserLeaseEndNs)
        {
            _timers.Set(VrrpTimer.MasterDown, _loserLeaseEndNs);
        }
        else if (PromotionHeld && !_activeResigned)
        {
            Counters.HeldByGroup++;
            ArmMasterDown();
        }
        else if (_nowNs < GroupLeaseEndNs && !_activeResigned)
        {
            Counters.HeldByGroup++;
            _timers.Set(VrrpTimer.MasterDown, GroupLeaseEndNs);
        }
        else
        {
            BecomeActive(TakeoverReason());
        }
    }

    private VrrpReason TakeoverReason()
    {
        if (_activeResigned)
        {
            return VrrpReason.MasterResigned;
        }

        return _heardLower ? VrrpReason.Preempted : VrrpReason.MasterDown;
    }

    /// <summary>
    /// Preempts on the lower router's next advertisement, when it is certain that it is listening and will let go at
    /// once. Had it been stopped, its dataplane would own the addresses until the lease ends; so without a further
    /// advertisement we wait for that.
    /// </summary>
    private void AwaitLowerRouter()
    {
        _preemptReady = true;
        _timers.Set(VrrpTimer.MasterDown, _activeLeaseEndNs);
    }

    // ---- Advertisements received

    private void ReceiveAdvert(in VrrpEvent advert)
    {
        Counters.AdvertsReceived++;
        if (advert.Priority == VrrpLimits.PriorityResign)
        {
            Counters.PriorityZeroReceived++;
        }

        if (advert.Source == Config.PrimaryAddress)
        {
            Counters.OwnAddressReceived++;
        }
        else if (State == VrrpState.Initialize)
        {
            Counters.ReceivedInInitialize++;
        }
        else if (IsShadowed(advert))
        {
            Counters.Version2Shadowed++;
        }
        else if (State == VrrpState.Backup)
        {
            ReceiveInBackup(advert);
        }
        else
        {
            ReceiveInActive(advert);
        }
    }

    /// <summary>Version 2 from a router that speaks version 3 to us too (RFC 5798 section 8.4.1).</summary>
    private bool IsShadowed(in VrrpEvent advert)
    {
        if (advert.Version == VrrpVersion.V3)
        {
            _shadowSource = advert.Source;
            _shadowUntilNs = _nowNs + (VrrpLimits.DownAdverts * VrrpTimers.IntervalNs(advert.IntervalCs));
            return false;
        }

        return Config.Version == VrrpVersion.V3 && advert.Source == _shadowSource && _nowNs < _shadowUntilNs;
    }

    /// <summary>RFC 9568 section 6.4.2.</summary>
    private void ReceiveInBackup(in VrrpEvent advert)
    {
        if (advert.Priority == VrrpLimits.PriorityResign)
        {
            ActiveRouterResigns(advert.Source);
            return;
        }

        if (IsFromLoser(advert))
        {
            Counters.LosersIgnored++;
            RememberLoser(advert);
            return;
        }

        Note(advert);
        bool mayPreempt = Config.Preempt && !IsForcedBackup && advert.Priority < Priority;
        if (!mayPreempt)
        {
            _timers.Stop(VrrpTimer.PreemptDelay);
            Follow(advert.IntervalCs, advert.AgeNs);
            IsFollowing = true;
            return;
        }

        HearLowerRouter(advert);
    }

    /// <summary>
    /// A router worse than the active one that we heard a moment ago has lost already, and will know soon. Taking it for
    /// the active one would make us believe its resignation.
    /// </summary>
    private bool IsFromLoser(in VrrpEvent advert) =>
        ActiveRouter is { } active
        && advert.Source != active
        && _nowNs < _activeFreshUntilNs
        && (advert.Priority < ActivePriority
            || (advert.Priority == ActivePriority && active.IsHigherThan(advert.Source)));

    /// <summary>
    /// It may be the owner all the same: where its predecessor's resignation was overtaken by an advertisement. So its
    /// lease is honoured until it resigns or is followed. For its whole length from now on: the age that an advertisement is said
    /// to have may be too much, never too little.
    /// </summary>
    private void RememberLoser(in VrrpEvent advert) =>
        Honour(advert.Source, _nowNs + (VrrpLimits.DownAdverts * VrrpTimers.IntervalNs(advert.IntervalCs)));

    /// <summary>
    /// Another router has taken over from the one that we followed, which has not resigned: it may have stopped before it
    /// could hear that, and own the addresses until its lease ends.
    /// </summary>
    private void RememberPredecessor(VrrpAddress successor)
    {
        if (State == VrrpState.Backup && ActiveRouter is { } previous && previous != successor && !_activeResigned)
        {
            Honour(previous, _activeLeaseEndNs);
        }
    }

    /// <summary>Of two routers' leases the later one counts, and is nobody's to give back: neither may speak for the other.</summary>
    private void Honour(VrrpAddress router, long leaseEndNs)
    {
        bool isSecond = _loser != router && _nowNs < _loserLeaseEndNs;
        _loser = isSecond ? null : router;
        _loserLeaseEndNs = isSecond ? Math.Max(leaseEndNs, _loserLeaseEndNs) : leaseEndNs;
    }

    private void ForgetLoser(VrrpAddress source)
    {
        if (_loser == source)
        {
            _loser = null;
            _loserLeaseEndNs = 0;
        }
    }

    private void Note(in VrrpEvent advert)
    {
        RememberPredecessor(advert.Source);
        ForgetLoser(advert.Source);
        ActiveRouter = advert.Source;
        ActivePriority = advert.Priority;
        _activeFreshUntilNs = _nowNs - advert.AgeNs + (VrrpTimers.IntervalNs(advert.IntervalCs) * 3 / 2);
        _activeLeaseEndNs = _nowNs + (VrrpLimits.DownAdverts * VrrpTimers.IntervalNs(advert.IntervalCs));
    }

    private void HearLowerRouter(in VrrpEvent advert)
    {
        IsFollowing = false;
        // A word that waited is no sign that its speaker listens now.
        bool isFresh = advert.AgeNs < VrrpTimers.IntervalNs(advert.IntervalCs) / 2;
        if (_preemptReady && isFresh && !PromotionHeld)
        {
            BecomeActive(VrrpReason.Preempted);
            return;
        }

        if (Config.PreemptDelayMs > 0)
        {
            StartPreemptDelay();
            Follow(advert.IntervalCs, advert.AgeNs);
        }

        // Otherwise discarded: Master_Down_Timer runs on. But whoever speaks after a resignation owns the addresses now.
        _activeResigned = false;
        _heardLower = true;
    }

    private void StartPreemptDelay()
    {
        if (!_timers.IsRunning(VrrpTimer.PreemptDelay))
        {
            _timers.Set(VrrpTimer.PreemptDelay, _nowNs + (Config.PreemptDelayMs * VrrpLimits.NanosecondsPerMillisecond));
        }
    }

    private void ActiveRouterResigns(VrrpAddress source)
    {
        // A former rival that resigns must not make us take over from the router that we follow.
        if (ActiveRouter is { } followed && followed != source)
        {
            Counters.PriorityZeroIgnored++;
            ForgetLoser(source);
            return;
        }

        _activeResigned = true;
        _activeFreshUntilNs = _nowNs;
        IsFollowing = false;
        _timers.Stop(VrrpTimer.PreemptDelay);

        // Never later than it would have been: repeated resignations must not keep us waiting.
        _timers.Set(VrrpTimer.MasterDown, Math.Min(_timers.DueNs(VrrpTimer.MasterDown), Math.Max(_nowNs + SkewNs, _loserLeaseEndNs)));
    }

    private void Follow(int intervalCs, long ageNs = 0)
    {
        long intervalNs = VrrpTimers.IntervalNs(intervalCs);
        if (intervalNs != Config.IntervalNs)
        {
            Counters.IntervalsLearned++;
        }

        ActiveIntervalNs = intervalNs;
        _activeResigned = false;
        _heardLower = false;
        _preemptReady = false;
        _graceGiven = false;
        _timers.Set(VrrpTimer.MasterDown, _nowNs - ageNs + MasterDownNs);
    }

    /// <summary>RFC 9568 section 6.4.3.</summary>
    private void ReceiveInActive(in VrrpEvent advert)
    {
        if (advert.Priority == VrrpLimits.PriorityResign)
        {
            AnswerResignation();
            return;
        }

        if (IsHandingOver)
        {
            CompleteHandover(advert);
            return;
        }

        Counters.RivalsHeard++;
        if (Config.IsOwner && advert.Priority == VrrpLimits.PriorityOwner)
        {
            Counters.OwnerConflicts++;
        }

        if (IsBetter(advert))
        {
            Yield(advert);
        }
        else
        {
            Assert();
        }
    }

    /// <summary>Higher priority, or the same and a higher primary address.</summary>
    private bool IsBetter(in VrrpEvent advert) =>
        advert.Priority > Priority
        || (advert.Priority == Priority && advert.Source.IsHigherThan(Config.PrimaryAddress));

    private void AnswerResignation()
    {
        if (!IsHandingOver)
        {
            SendAdvert();
        }
    }

    private void Yield(in VrrpEvent advert)
    {
        _effects.Add(VrrpEffect.EndLease);

        // One last word, so that the winner knows there were two and announces the addresses again: without it the
        // caches and switches that learned them from us would keep pointing here.
        Send(Priority);
        StopElection();
        Note(advert);
        Follow(advert.IntervalCs);
        IsFollowing = true;
        Enter(VrrpState.Backup, VrrpReason.HigherPriority);
    }

    /// <summary>RFC 9568 section 6.4.3: answer a lower router at once; and announce again, for it may have announced too.</summary>
    private void Assert()
    {
        if (_assertions < AssertionsMax)
        {
            _assertions++;
            SendAdvert();
        }

        long nextNs = _lastAnnounceNs + AnnounceGapNs;
        if (nextNs <= _nowNs)
        {
            AnnounceTwice();
        }
        else
        {
            _timers.Set(VrrpTimer.AnnounceRepeat, Math.Min(nextNs, _timers.DueNs(VrrpTimer.AnnounceRepeat)));
        }
    }

    // ---- What operators and the dataplane ask for

    private void ChangePriority(byte priority)
    {
        if (Config.IsOwner)
        {
            return;
        }

        long oldSkewNs = SkewNs;
        Priority = Math.Clamp(priority, VrrpLimits.PriorityMin, VrrpLimits.PriorityMax);
        if (State == VrrpState.Backup)
        {
            _timers.Set(VrrpTimer.MasterDown, _timers.DueNs(VrrpTimer.MasterDown) + SkewNs - oldSkewNs);
        }
        else if (State == VrrpState.Active)
        {
            ActivePriority = Priority;
        }
    }

    private void ForceBackup(long durationNs)
    {
        _timers.Set(VrrpTimer.ForcedBackup, _nowNs + durationNs);
        _timers.Stop(VrrpTimer.PreemptDelay);
        ResignToBackup(VrrpReason.Forced);
    }

    private void ReleaseBackup()
    {
        if (IsForcedBackup)
        {
            _timers.Stop(VrrpTimer.ForcedBackup);
            EndForcedBackup();
        }
    }

    private void EndForcedBackup()
    {
        if (State == VrrpState.Backup)
        {
            // Who is as good as we are is followed on.
            IsFollowing &= !Config.Preempt || ActivePriority >= Priority;
            if (Config.IsOwner)
            {
                BecomeActive(VrrpReason.AddressOwner);
            }
        }
    }

    private void StartHandover(long holdNs)
    {
        if (State != VrrpState.Active || IsHandingOver)
        {
            return;
        }

        // The peer takes over after its skew. Until it says so the addresses are still served here.
        _handoverHoldNs = holdNs;
        _timers.Stop(VrrpTimer.Advert);
        long dueNs = _nowNs + VrrpTimers.HandoverNs(Config.Version, Config.IntervalNs);
        _timers.Set(VrrpTimer.Handover, dueNs);
        Send(VrrpLimits.PriorityResign);
        RenewLease(dueNs + (Config.IntervalNs / 4));
    }

    private void CompleteHandover(in VrrpEvent advert)
    {
        _effects.Add(VrrpEffect.EndLease);
        StopElection();
        _timers.Set(VrrpTimer.ForcedBackup, _nowNs + _handoverHoldNs);
        Note(advert);
        Follow(advert.IntervalCs);
        IsFollowing = true;
        Enter(VrrpState.Backup, VrrpReason.HandedOver);
    }

    private void LoseLease()
    {
        if (State == VrrpState.Active)
        {
            Counters.LeasesLost++;
            ResignToBackup(VrrpReason.LeaseLost);
        }
    }

    /// <summary>
    /// Another member lost to a better router, which takes over here too. Saying 0 would call up the other backups
    /// against it.
    /// </summary>
    private void YieldWithGroup()
    {
        if (State == VrrpState.Active)
        {
            _effects.Add(VrrpEffect.EndLease);
            Send(Priority);
            EnterBackup(VrrpReason.SyncGroup);
        }
    }

    private void FollowGroupUp()
    {
        if (State == VrrpState.Backup && !IsForcedBackup)
        {
            BecomeActive(VrrpReason.SyncGroup);
        }
    }

    // ---- Transitions

    private void ResignToBackup(VrrpReason reason)
    {
        if (State == VrrpState.Active)
        {
            GiveUp();
            EnterBackup(reason);
        }
    }

    /// <summary>Stops owning first, then tells the others.</summary>
    private void GiveUp()
    {
        _effects.Add(VrrpEffect.EndLease);
        Send(VrrpLimits.PriorityResign);
    }

    private void EnterBackup(VrrpReason reason)
    {
        StopElection();
        ActiveRouter = null;
        ActivePriority = 0;
        Follow(Config.IntervalCs);
        IsFollowing = false;
        Enter(VrrpState.Backup, reason);
    }

    private void BecomeActive(VrrpReason reason)
    {
        StopElection();
        ActiveRouter = Config.PrimaryAddress;
        ActivePriority = Priority;
        ActiveIntervalNs = Config.IntervalNs;
        IsFollowing = false;
        Counters.ActiveTransitions++;
        Counters.ActiveReason = reason;
        _assertions = 0;
        SendAdvert();
        Enter(VrrpState.Active, reason);
        AnnounceTwice();
        ArmRefresh();
    }

    private void Enter(VrrpState state, VrrpReason reason)
    {
        State = state;
        Reason = reason;
        SinceNs = _nowNs;
        _effects.Add(VrrpEffect.Become(state, reason));
    }

    private void StopElection()
    {
        for (VrrpTimer timer = VrrpTimer.Handover; timer <= VrrpTimer.AnnounceRefresh; timer++)
        {
            _timers.Stop(timer);
        }
    }

    private void ArmMasterDown() => _timers.Set(VrrpTimer.MasterDown, _nowNs + MasterDownNs);

    // ---- Speaking

    private void SendAdvert()
    {
        Send(Priority);
        RenewLease(_nowNs + VrrpTimers.LeaseNs(Config.IntervalNs));
        _timers.Set(VrrpTimer.Advert, _nowNs + Config.IntervalNs);
    }

    private void Send(byte priority)
    {
        _effects.Add(VrrpEffect.SendAdvertisement(Config.Version, priority));
        if (Config.AlsoVersion2)
        {
            _effects.Add(VrrpEffect.SendAdvertisement(VrrpVersion.V2, priority));
        }

        Counters.AdvertsSent++;
        if (priority == VrrpLimits.PriorityResign)
        {
            Counters.PriorityZeroSent++;
        }
    }

    private void RenewLease(long untilNs)
    {
        LeaseUntilNs = untilNs;
        _effects.Add(VrrpEffect.RenewLease(untilNs));
    }

    private void Announce(int count)
    {
        _lastAnnounceNs = _nowNs;
        _effects.Add(VrrpEffect.Announce(Config.IsIPv6, count));
    }

    private void AnnounceTwice()
    {
        Announce(Config.Announce.Count);
        if (Config.Announce.RepeatDelayMs > 0)
        {
            _timers.Set(VrrpTimer.AnnounceRepeat, _nowNs + (Config.Announce.RepeatDelayMs * VrrpLimits.NanosecondsPerMillisecond));
        }
    }

    private void ArmRefresh()
    {
        if (Config.Announce.RefreshMs > 0)
        {
            _timers.Set(VrrpTimer.AnnounceRefresh, _nowNs + (Config.Announce.RefreshMs * VrrpLimits.NanosecondsPerMillisecond));
        }
    }
}
