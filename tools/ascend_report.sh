#!/usr/bin/env bash
# Do the engines agree on this machine, and how fast are they? One file to paste into an issue. Made for an Ascend machine
# (docs/ascend.md), runs on any.
#
#     tools/ascend_report.sh [--quick] [FILE]      (default: ascend_report.md)
#
# --quick: one tiny configuration and a few steps, to try the script. PYTHON: the interpreter (default: python).
set -uo pipefail
from=$PWD
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-python} quick='' bf16='' configs=(tiny_clip_vit tiny_clip_rn tiny_pyramidclip_vit tiny_pyramidclip_rn) steps=20
if [ "${1:-}" = --quick ]; then quick=1 configs=(tiny_clip_vit) steps=2; shift; fi
file=$(cd "$from" && realpath "${1:-ascend_report.md}") || exit 1
failed=() folder=$(mktemp -d)
export COLUMNS=130 GLOG_v=${GLOG_v:-3} # wide tables; MindSpore's warnings stay out
trap 'rm -r "$folder"' EXIT

discreet() { sed -e "s|$PWD|.|g" -e "s|${HOME:-$PWD}|~|g"; } # no paths

run() { # run TITLE COMMAND...: its output under that title, whatever becomes of it
    echo "$1 ..." >&2
    printf '\n## %s\n\n```\n' "$1"
    "${@:2}" > "$folder/output" 2>&1
    local code=$?
    tail -n 120 "$folder/output" | tr '\r' '\n' | discreet
    printf '```\n'
    if [ $code != 0 ]; then printf '\nexit code %s\n' $code; failed+=("$1 ($code)"); fi
}

measure() { # measure TITLE ARGUMENTS...: a benchmark's Markdown, one level down
    echo "$1 ..." >&2
    printf '\n## %s\n' "$1"
    "$python" tools/bench.py --steps "$steps" --markdown "$folder/bench.md" "${@:2}" > "$folder/output" 2>&1
    local code=$?
    if [ $code = 0 ]; then
        sed -e 1d -e 's/^#/##/' "$folder/bench.md"
    else
        printf '\n```\n%s\n```\n\nexit code %s\n' "$(tail -n 20 "$folder/output" | discreet)" $code
        failed+=("$1 ($code)")
    fi
}

report() {
    printf '# Report of %s, commit %s\n' "$(date +%F)" "$(git rev-parse --short HEAD 2> "$folder/output" || echo unknown)"
    run 'System' uname -srm
    if command -v npu-smi > "$folder/output"; then run 'Devices' npu-smi info; fi
    for version in "${ASCEND_TOOLKIT_HOME:-/usr/local/Ascend/ascend-toolkit/latest}"/*/ascend_toolkit_install.info; do
        if [ -f "$version" ]; then run 'CANN' cat "$version"; fi
    done
    run 'Doctor' "$python" tools/doctor.py
    if grep -q 'mindspore .*bf16' "$folder/output"; then bf16=1; fi
    for config in "${configs[@]}"; do
        run "Parity, $config" "$python" tools/parity.py --config "configs/pretrain/$config.yaml"
    done
    if [ -n "$quick" ]; then
        measure 'Speed, tiny' --config configs/pretrain/tiny_clip_vit.yaml --sections steps
    else
        measure 'Speed, scenes' --sections steps start data operators
        for tower in vit rn; do # the towers of Flickr8k on drawn photos: nothing to download
            flickr=(--config "configs/pretrain/flickr8k_clip_$tower.yaml" --set 'data.train={type: scenes, size: 112}')
            measure "Speed, $tower" --sections steps operators "${flickr[@]}"
            if [ -n "$bf16" ]; then measure "Speed, $tower, bf16" --sections steps "${flickr[@]}" training.precision=bf16; fi
        done
    fi
    printf '\n## Result\n\n'
    if [ ${#failed[@]} = 0 ]; then echo 'Everything ran, and agrees.'; return 0; fi
    printf -- '- failed: %s\n' "${failed[@]}"
    return 1
}

report > "$file"
code=$?
echo "written: $file; look it through, then paste it into an issue" >&2
exit $code
