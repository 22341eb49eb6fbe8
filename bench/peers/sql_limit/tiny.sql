SELECT json_build_object('data', json_build_object('worker', (
  SELECT json_build_object(
    'id', w.id,
    'displayName', coalesce(coalesce(w.first_name_en, w.first_name_hi)
      || coalesce(' ' || coalesce(w.initial_en, w.initial_hi) || '.', ''), 'Former worker'),
    'yearsExperience', w.years_experience
  )
  FROM worker w
  WHERE w.id = $1 AND w.status IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'ERASED')
)))::text
