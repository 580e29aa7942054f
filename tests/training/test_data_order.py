from repaint.training.data_order import StepBatches


def test_step_batches() -> None:
    whole = [index for batch in StepBatches(10, 4, seed=0, start=0, stop=5) for index in batch]
    assert sorted(whole[:10]) == sorted(whole[10:20]) == list(range(10))
    assert whole[:10] != whole[10:20]
    assert [i for batch in StepBatches(10, 4, seed=0, start=3, stop=5) for i in batch] == whole[12:]
    ranks = [list(StepBatches(10, 4, 0, 0, 2, rank, 2)) for rank in (0, 1)]
    assert [sorted(a + b) for a, b in zip(*ranks, strict=True)] == [sorted(whole[:4]), sorted(whole[4:8])]
    assert len(list(StepBatches(10, 4, 0, 3, 5))) == 2
