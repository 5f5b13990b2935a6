using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.Core.Planning;

namespace StragglerGuard.Core.Tests.Planning;

/// <summary>Ten thousand jobs whose plans arrive late, at some ranks only, or never.</summary>
public sealed class PlanDeliveryProperties
{
    private const int Steps = 60;
    private const int DelayMax = 20;

    [Fact]
    public void Voters_UnderAnyDelivery_SwitchTogetherAndStarveNobody()
    {
        var cases = Arb.From(
            from ranks in Gen.Choose(2, 9)
            from plans in Gen.Choose(1, 4)
            from seed in Gen.Choose(0, int.MaxValue)
            select new Job(ranks, plans, seed));

        var switches = 0;
        var resolutions = 0;
        var untouched = 0;
        Prop.ForAll(cases, job =>
        {
            var (votedIn, resolved) = Run(job);
            switches += votedIn;
            resolutions += resolved;
            untouched += votedIn + resolved == 0 ? 1 : 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000).WithReplay(7205, 1));

        // The cases are worth something only while they meet every way a plan can fare.
        switches.Should().BeGreaterThan(1000);
        resolutions.Should().BeGreaterThan(1000);
        untouched.Should().BeGreaterThan(100);
    }

    [Fact]
    public void Voters_OneAgentDeadForever_HaveThePlanAfterEightSplits()
    {
        var inForce = JobPlan.Even(9, 3);
        var voters = Enumerable.Range(0, 3).Select(_ => new PlanVoter(inForce)).ToArray();
        var plan = new JobPlan(new PlanEpoch(1), default, [1, 4, 4]);
        voters[0].Offer(plan);
        voters[2].Offer(plan);

        for (var step = 0; step < PlanVoter.SplitVotesMax; step++)
        {
            voters.Should().OnlyContain(v => v.InForce == inForce, $"step {step}");
            TakeStep(voters);
        }

        voters.Should().OnlyContain(v => v.InForce.Equals(plan));
    }

    private static (int VotedIn, int Resolved) Run(Job job)
    {
        var (votedIn, resolved) = (0, 0);
        var random = new Random(job.Seed);
        var initial = new JobPlan(new PlanEpoch(random.Next(1000)), default, EvenDeal.Of(40, job.Ranks));
        var voters = Enumerable.Range(0, job.Ranks).Select(_ => new PlanVoter(initial)).ToArray();
        var sound = random.Next(2) == 0;
        var agentAlive = voters.Select(_ => sound || random.Next(4) > 0).ToArray();
        var offer = new PlanOffer(initial.Epoch);
        var mail = new List<(int Rank, JobPlan Deal)>[Steps + DelayMax];
        var reports = new Queue<(int Step, PlanEpoch Epoch)>();
        var plansLeft = job.Plans;
        JobPlan? awaited = null;
        var deadline = int.MaxValue;

        for (var step = 0; step < Steps; step++)
        {
            // The guardian hears late what is in force, and keeps to one pending plan.
            while (reports.TryPeek(out var report) && report.Step <= step)
            {
                offer.SeenInForce(reports.Dequeue().Epoch);
            }

            var epoch = new PlanEpoch(offer.InForce.Value + 1 + random.Next(600));
            if (plansLeft > 0 && random.Next(5) == 0 && offer.MayOffer(epoch, out _))
            {
                plansLeft--;
                offer.Offer(epoch);
                var deal = new JobPlan(epoch, default, RebalanceOracles.DrawDeal(random, job.Ranks, 40));
                var delayMax = 1 + random.Next(random.Next(2) == 0 ? 6 : DelayMax);
                var lossless = sound && random.Next(2) == 0;
                for (var rank = 0; rank < job.Ranks; rank++)
                {
                    // The guardian sends again what is pending: copies beyond the first change nothing.
                    var copies = !agentAlive[rank] ? 0 : random.Next(3) is var drawn && lossless ? drawn + 1 : drawn;
                    for (var copy = 0; copy < copies; copy++)
                    {
                        (mail[step + random.Next(delayMax)] ??= []).Add((rank, deal));
                    }
                }
            }

            // Mail arrives before the vote or while it is outstanding.
            var letters = mail[step] ?? [];
            var early = random.Next(letters.Count + 1);
            Deliver(letters.Take(early));
            var kind = TakeStep(voters, () => Deliver(letters.Skip(early)));
            votedIn += kind == VoteKind.Switch ? 1 : 0;
            resolved += kind == VoteKind.ResolveInBand ? 1 : 0;

            var inForce = voters[0].InForce;
            Require(voters.All(v => ReferenceEquals(v.InForce, inForce) || v.InForce.Equals(inForce)), "all ranks have one plan in force");
            Require(step < deadline || awaited is null || inForce.Epoch >= awaited.Epoch, "a plan that one rank has is in force soon");

            if (awaited is null || inForce.Epoch >= awaited.Epoch)
            {
                (awaited, deadline) = (null, int.MaxValue);
                if (voters.Select(v => v.Held).MaxBy(d => d.Epoch) is { } newest && newest.Epoch > inForce.Epoch)
                {
                    // Copied while the vote of this step was outstanding at the latest: the votes of the next eight steps decide.
                    (awaited, deadline) = (newest, step + PlanVoter.SplitVotesMax);
                }
            }

            if (random.Next(2) == 0)
            {
                reports.Enqueue((step + random.Next(6), inForce.Epoch));
            }

            void Deliver(IEnumerable<(int Rank, JobPlan Deal)> some)
            {
                foreach (var (rank, deal) in some)
                {
                    var result = voters[rank].Offer(deal);
                    Require(result is not (OfferResult.WrongShape or OfferResult.Ambiguous), "the guardian's rule keeps plans apart");
                }
            }

            void Require(bool holds, string rule)
            {
                if (!holds)
                {
                    throw new InvalidOperationException(
                        $"{job}, step {step}, broken: {rule}. In force {string.Join(", ", voters.Select(v => v.InForce.Epoch.Value))}, "
                        + $"held {string.Join(", ", voters.Select(v => v.Held.Epoch.Value))}, awaited {awaited}.");
                }
            }
        }

        return (votedIn, resolved);
    }

    /// <summary>One step as a runner takes it: vote, reduction, outcome, and the broadcast where the outcome asks for it.</summary>
    private static VoteKind TakeStep(PlanVoter[] voters, Action? whileOutstanding = null)
    {
        Span<double> sums = stackalloc double[Ballot.Length];
        Span<double> ballot = stackalloc double[Ballot.Length];
        foreach (var voter in voters)
        {
            Ballot.Write(ballot, 1, voter.BeginVote());
            for (var i = 0; i < Ballot.Length; i++)
            {
                sums[i] += ballot[i];
            }
        }

        whileOutstanding?.Invoke();
        var outcome = Ballot.Read(sums, voters.Length);
        var kinds = voters.Select(v => v.ApplyOutcome(outcome).Kind).Distinct().ToList();
        if (kinds.Count != 1)
        {
            throw new InvalidOperationException($"One outcome, and the ranks concluded {string.Join(" and ", kinds)}.");
        }

        if (kinds[0] == VoteKind.ResolveInBand)
        {
            var holder = voters[PlanVoter.LowestHolder(voters.Select(v => v.Held.Epoch.Value).ToArray()).Value];
            var bytes = new byte[holder.Held.EncodedLength];
            holder.Held.Write(bytes);
            foreach (var voter in voters)
            {
                if (!JobPlan.TryRead(bytes, out var deal, out var reason))
                {
                    throw new InvalidOperationException(reason);
                }

                voter.AdoptInBand(deal!);
            }
        }

        return kinds[0];
    }

    private sealed record Job(int Ranks, int Plans, int Seed);
}
